# A PostgreSQL server of Debian's package, apart from any other on the machine. Sourced by with-postgres.

# Where the package keeps the programs; only some of them are in PATH.
programs() { compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1 | xargs -r dirname; }

# Sets server and port, writes $state/pg_ctl. Fails, having said why.
start_private_server() {
  local bin attempt
  need_programs || return 1
  bin=$(programs)
  make_cluster "$bin" || return 1
  for attempt in 1 2 3; do # a port that was free a moment ago may be taken by now
    port=$(four_free_ports)
    if boot_server "$bin"; then
      server="a private PostgreSQL $("$bin/postgres" --version | cut -d ' ' -f 3) on port $port"
      return
    fi
    stop_private_server
  done
  tail -n 20 "$state/server.log" >&2
  say "the private PostgreSQL server did not start ($attempt attempts); above is the end of its log"
  return 1
}

need_programs() {
  [ -z "$(programs)" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "no PostgreSQL to use: start Docker, or install one with 'sudo apt-get install --no-install-recommends" \
      "postgresql', or name a running one, where tests may make databases, in TEST_POSTGRES_URL"
    return 1
  fi
  say "installing Debian's postgresql (about 15 s)"
  # Only its programs are wanted, not a server on the standard port from now on: for as long as this installs, the
  # package makes none.
  local defaults=/etc/postgresql-common/createcluster.conf status=0
  "$here/apt-install" postgresql-common 9>&- || return 1
  cp -p "$defaults" "$state/createcluster.conf"
  echo 'create_main_cluster = false' >>"$defaults"
  "$here/apt-install" postgresql 9>&- || status=1
  cp -p "$state/createcluster.conf" "$defaults"
  return "$status"
}

# The server refuses to run as root; the package has made a user for it.
unprivileged() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
  else
    "$@"
  fi
}

make_cluster() {
  local bin=$1 node="$state/server"
  chmod 711 "$state"
  mkdir "$node"
  (umask 077 && echo "$password" >"$node/password")
  [ "$(id -u)" != 0 ] || chown -R postgres:postgres "$node"
  if ! (cd / && unprivileged "$bin/initdb" --pgdata "$node/data" --username bridge --pwfile "$node/password" \
    --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --no-sync) >"$state/server.log" 2>&1 9>&-; then
    tail -n 20 "$state/server.log" >&2
    say "PostgreSQL could not make a cluster in $node; above is why"
    return 1
  fi
  # As a real one in what can be lost (fsync is on), but small.
  unprivileged tee -a "$node/data/postgresql.conf" >/dev/null <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 16MB
max_wal_size = 256MB
timezone = 'UTC'
CONF
}

boot_server() {
  local bin=$1 deadline=$((SECONDS + 30))
  # So that a test can stop and start it, in the background or not.
  printf '#!/bin/bash\nsource "%s/postgres/private-server.sh"\ncd /\nunprivileged %q -D %q -l %q -o "-p %s" -s "$@"\n' \
    "$here" "$bin/pg_ctl" "$state/server/data" "$state/server/log" "$port" >"$state/pg_ctl"
  chmod +x "$state/pg_ctl"
  "$state/pg_ctl" start --wait --timeout 30 >"$state/server.log" 2>&1 9>&- || {
    cat "$state/server/log" >>"$state/server.log" 2>/dev/null || true
    return 1
  }
}

# At once: nothing that it holds is wanted any more. By the pid of the moment, as a test may have restarted it.
stop_private_server() {
  local pid
  pid=$(head -n 1 "$state/server/data/postmaster.pid" 2>/dev/null) || return 0
  kill -QUIT "$pid" 2>/dev/null || true # ends its children, too, and leaves no shared memory behind
  for _ in {1..100}; do
    is_running "$pid" || return 0
    sleep 0.02
  done
  kill -KILL "$pid" 2>/dev/null || true
}
