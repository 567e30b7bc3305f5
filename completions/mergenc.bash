# Completion of mergenc for bash, as 'mergenc completion bash' prints it.
_mergenc() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' options='--help --version' seconds='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --accel|--guest-ip|--gateway-ip|--arch|--append|--bridge|--images-dir|--volumes-dir|--driver|--kernel|--initrd|--rootfs|--disk|-o|--output|--kernel-sha256|--rootfs-sha256|--escape|-n|--tail|--mac|--netmask|--cpus|-j|--jobs|--tap|--restart|--qemu-bin|--firecracker-bin|--lock-timeout|--timeout|--memory|--since|--kernel-url|--rootfs-url) ((i++)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $prev in
    --accel) COMPREPLY=($(compgen -W 'auto kvm tcg' -- "$cur")); return ;;
    --guest-ip|--gateway-ip) :; return ;;
    --arch) COMPREPLY=($(compgen -W 'x86_64 aarch64' -- "$cur")); return ;;
    --append) :; return ;;
    --bridge) COMPREPLY=($(compgen -W "$(cd /sys/class/net && ls -d */bridge 2>/dev/null | sed 's,/bridge$,,')" -- "$cur")); return ;;
    --images-dir|--volumes-dir) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --driver) COMPREPLY=($(compgen -W 'auto firecracker qemu' -- "$cur")); return ;;
    --kernel|--initrd|--rootfs|--disk) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    -o|--output) COMPREPLY=($(compgen -W 'table json yaml' -- "$cur")); return ;;
    --kernel-sha256|--rootfs-sha256) :; return ;;
    --escape) :; return ;;
    -n|--tail) :; return ;;
    --mac) :; return ;;
    --netmask) :; return ;;
    --cpus|-j|--jobs) :; return ;;
    --tap) :; return ;;
    --restart) COMPREPLY=($(compgen -W 'no on-failure always' -- "$cur")); return ;;
    --qemu-bin|--firecracker-bin) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --lock-timeout|--timeout) :; return ;;
    --memory) :; return ;;
    --since) :; return ;;
    --kernel-url|--rootfs-url) :; return ;;
  esac
  case $verb in
    image) seconds='fetch' ;;
  esac
  if [[ -n $seconds ]]; then
    if ((COMP_CWORD == i + 1)); then COMPREPLY=($(compgen -W "$seconds" -- "$cur")); return; fi
    verb+=" ${COMP_WORDS[i+1]}"
  fi
  case $verb in
    '')
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W 'create start stop delete rm ps list info logs console image doctor completion version' -- "$cur")); return; fi
      ;;
    'create')
      options='-h --help --cpus --memory --driver --accel --arch --qemu-bin --restart --kernel --initrd --append --rootfs --read-only --disk --bridge --no-network --guest-ip --gateway-ip --netmask --tap --mac --lock-timeout -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'start')
      options='-h --help --all -j --jobs --lock-timeout -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'stop')
      options='-h --help --all -j --jobs --timeout --force --lock-timeout -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    delete|rm)
      options='-h --help --all -j --jobs --if-exists --timeout --force --lock-timeout -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    ps|list)
      options='-h --help -a --all -w --watch -q --quiet -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      ;;
    'info')
      options='-h --help -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'logs')
      options='-h --help -f --follow -n --tail --since --vmm -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'console')
      options='-h --help --escape --timeout -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(mergenc ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'image fetch')
      options='-h --help --kernel-url --rootfs-url --kernel-sha256 --rootfs-sha256 --force -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      ;;
    'doctor')
      options='-h --help -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      ;;
    'completion')
      options='-h --help -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")); return; fi
      ;;
    'version')
      options='-h --help -o --output --images-dir --volumes-dir --firecracker-bin -y --yes -v --verbose --debug'
      ;;
  esac
  COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _mergenc mergenc
