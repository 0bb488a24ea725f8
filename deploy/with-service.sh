# What with-rabbitmq and with-postgres share: a service that is there for one command, and gone however that ends.
# Sourced, with `here` set. The script that does so defines stop_service, which ends whatever was started in $state.

say() { echo "${0##*/}: $*" >&2; }

# Ends the service when the other end of stdin closes: that happens however the script's main process ends, KILL included.
guard() {
  state=$1
  trap '' INT TERM HUP QUIT
  cat >/dev/null
  stop_service
  for _ in {1..50}; do rm -rf "$state" 2>/dev/null && exit; done
  exit 1
}

# Sets state, the directory of what is started from now on, and has it ended and removed when this process ends.
keep_guard() {
  state=$(mktemp -d "${TMPDIR:-/tmp}/bridge-${0##*/with-}.XXXXXX")
  mkfifo "$state/alive"
  # In a session of its own, so that what ends this script's process group does not end the tidying up.
  setsid "$here/${0##*/}" --guard "$state" <"$state/alive" &
  guard=$!
  exec 9>"$state/alive"
  trap 'exec 9>&-; wait "$guard" || true' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

docker_answers() {
  command -v docker >/dev/null && timeout 5 docker info >/dev/null 2>&1
}

# A zombie is not: where process 1 does not collect them, it stays.
is_running() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ $stat != *') Z '* ]]
}

# Below 32768, where Linux takes the ports of outgoing connections from. Prints the first of four in a row.
four_free_ports() {
  local base port
  while :; do
    base=$((20000 + RANDOM % 3000 * 4))
    for port in $base $((base + 1)) $((base + 2)) $((base + 3)); do
      if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
    done
    echo $base
    return
  done
}

# Runs the command to its end and exits with its exit code; signals to this script reach it.
run_and_exit() {
  local command status=0 signalled=
  # In the background, because bash runs a trap only between commands; with its stdin and its answer to Ctrl-C all the
  # same.
  (
    trap - HUP INT QUIT TERM
    exec "$@"
  ) <&0 9>&- &
  command=$!

  pass_on() {
    signalled=yes
    kill "-$1" "$command" 2>/dev/null || true
  }
  trap 'pass_on HUP' HUP
  trap 'pass_on TERM' TERM
  # A terminal sends Ctrl-C to the command as well, and a second one would mean "at once".
  if [ -t 0 ]; then trap 'signalled=yes' INT; else trap 'pass_on INT' INT; fi

  wait "$command" || status=$?
  while [ -n "$signalled" ]; do # it was a signal to us that ended the waiting
    signalled=
    wait "$command" && status=0 || status=$?
  done
  exit "$status"
}
