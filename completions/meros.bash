# Completion of meros for bash, as 'meros completion bash' prints it.
_meros() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' options='--help --version' seconds='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --accel|--guest-ip|--gateway-ip|--arch|--append|--bridge|--data-dir|-w|--workdir|--to|--source|--driver|--keyring|--fragment|--kernel|--initrd|--rootfs|--disk|--identity|--host-key|-o|--output|--kernel-sha256|--rootfs-sha256|--compress|--use|--escape|-n|--tail|--mac|--netmask|-j|--jobs|--cpus|--tap|-e|--env|--restart|--firecracker-bin|--qemu-bin|--timeout|--lock-timeout|--size|--memory|--for|--since|--mirror|--kernel-url|--rootfs-url|-u|--user|--recreate|--config) ((i++)) ;;
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
    --data-dir|-w|--workdir|--to) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --source) :; return ;;
    --driver) COMPREPLY=($(compgen -W 'auto firecracker qemu' -- "$cur")); return ;;
    --keyring|--fragment|--kernel|--initrd|--rootfs|--disk|--identity|--host-key) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    -o|--output) COMPREPLY=($(compgen -W 'table json yaml' -- "$cur")); return ;;
    --kernel-sha256|--rootfs-sha256) :; return ;;
    --compress) :; return ;;
    --use) :; return ;;
    --escape) :; return ;;
    -n|--tail) :; return ;;
    --mac) :; return ;;
    --netmask) :; return ;;
    -j|--jobs|--cpus) :; return ;;
    --tap) :; return ;;
    -e|--env) :; return ;;
    --restart) COMPREPLY=($(compgen -W 'no on-failure always' -- "$cur")); return ;;
    --firecracker-bin|--qemu-bin) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --timeout|--lock-timeout) :; return ;;
    --size|--memory) :; return ;;
    --for) COMPREPLY=($(compgen -W 'running stopped' -- "$cur")); return ;;
    --since) :; return ;;
    --mirror|--kernel-url|--rootfs-url) :; return ;;
    -u|--user) :; return ;;
    --recreate) :; return ;;
    --config) :; return ;;
  esac
  case $verb in
    image) seconds='fetch ls rm prune' ;;
  esac
  if [[ -n $seconds ]]; then
    if ((COMP_CWORD == i + 1)); then COMPREPLY=($(compgen -W "$seconds" -- "$cur")); return; fi
    verb+=" ${COMP_WORDS[i+1]}"
  fi
  case $verb in
    '')
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W 'new validate build kernel-build plan init up shutdown down enable disable enter create start stop restart pause resume delete rm ps list info logs events console connect exec run display push pull cp ssh-config wait supervise gc image schema doctor completion version' -- "$cur")); return; fi
      ;;
    'new')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'validate')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return; fi
      ;;
    'build')
      options='-h --help --rootfs-only --rootfs-img --use --size --no-cache --pull --locked --mirror --keyring -j --jobs -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'kernel-build')
      options='-h --help --source --config --fragment --arch -j --jobs -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'plan')
      options='-h --help --recreate --exit-code -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    init|up)
      options='-h --help --no-wait --timeout --recreate --atomic --all-enabled -j --jobs --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    shutdown|down)
      options='-h --help --timeout --force --volumes -j --jobs --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'enable')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return; fi
      ;;
    'disable')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return; fi
      ;;
    'enter')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'create')
      options='-h --help --cpus --memory --driver --accel --arch --firecracker-bin --qemu-bin --restart --kernel --initrd --append --rootfs --read-only --disk --display --bridge --no-network --guest-ip --gateway-ip --netmask --tap --mac --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'start')
      options='-h --help --all -j --jobs --firecracker-bin --qemu-bin --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'stop')
      options='-h --help --all -j --jobs --timeout --force --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'restart')
      options='-h --help --all -j --jobs --timeout --force --firecracker-bin --qemu-bin --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'pause')
      options='-h --help --all -j --jobs --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'resume')
      options='-h --help --all -j --jobs --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    delete|rm)
      options='-h --help --all -j --jobs --if-exists --timeout --force --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    ps|list)
      options='-h --help -a --all -w --watch -q --quiet -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'info')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'logs')
      options='-h --help -f --follow -n --tail --since --vmm -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'events')
      options='-h --help -f --follow --since -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'console')
      options='-h --help --escape --timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'connect')
      options='-h --help -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'exec')
      options='-h --help --all -t --tty -e --env -w --workdir -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'run')
      options='-h --help --x11 --compress -e --env -w --workdir -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'display')
      options='-h --help --socket -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'push')
      options='-h --help -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'pull')
      options='-h --help --to -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'cp')
      options='-h --help -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'ssh-config')
      options='-h --help -u --user --identity --host-key -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'wait')
      options='-h --help --all --for --timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'supervise')
      options='-h --help --firecracker-bin --qemu-bin --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W "$(meros ps -a -q 2>/dev/null)" -- "$cur")); return; fi
      ;;
    'gc')
      options='-h --help --lock-timeout -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'image fetch')
      options='-h --help --kernel-url --rootfs-url --kernel-sha256 --rootfs-sha256 --force -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'image ls')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'image rm')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then :; return; fi
      ;;
    'image prune')
      options='-h --help --all -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'schema')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'doctor')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
    'completion')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")); return; fi
      ;;
    'version')
      options='-h --help -o --output --data-dir -y --yes -v --verbose --debug'
      ;;
  esac
  COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _meros meros
