# A RabbitMQ node of Debian's package, apart from any other on the machine. Sourced by with-rabbitmq.

# Where the package keeps the server; its /usr/sbin/rabbitmq-server insists on the package's own user and directories.
server_home() { compgen -G '/usr/lib/rabbitmq/lib/rabbitmq_server-*' | sort -V | tail -n 1; }

# Sets broker, amqp_port and management_port, writes $state/rabbitmqctl. Fails, having said why.
start_private_node() {
  local home attempt
  need_server || return 1
  home=$(server_home)
  for attempt in 1 2 3; do # a port that was free a moment ago may be taken by now
    prepare_node "$home"
    if boot_node; then
      broker="a private RabbitMQ ${home##*-} on port $amqp_port"
      return
    fi
    stop_private_node
  done
  tail -n 20 "$state/node.log" >&2
  say "the private RabbitMQ node did not start ($attempt attempts); above is the end of its log"
  return 1
}

need_server() {
  [ -z "$(server_home)" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "no RabbitMQ to use: start Docker, or install one with 'sudo apt-get install --no-install-recommends" \
      "rabbitmq-server', or name a running one in BRIDGE_BROKER__URLS"
    return 1
  fi
  say "installing Debian's rabbitmq-server (about 20 s)"
  "$here/apt-install" rabbitmq-server 9>&- || return 1
  # Only its program is wanted, not a broker on the standard port from now on.
  if [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet rabbitmq-server 2>/dev/null || true
  fi
}

prepare_node() {
  local home=$1 base plugin node="$state/node"
  base=$(four_free_ports)
  amqp_port=$base management_port=$((base + 1))
  rm -rf "$node"
  mkdir -p "$node"/{home,server/plugins}

  # The server looks for each of its 1500 modules in every plugin's directory: with those of the plugins that stay off
  # out of the way it starts in two thirds of the time.
  ln -s "$home/sbin" "$home/escript" "$node/server/"
  for plugin in "$home"/plugins/*; do
    case ${plugin##*/} in
      rabbitmq_prelaunch-* | rabbitmq_management-* | rabbitmq_management_agent-* | rabbitmq_web_dispatch-*) ;;
      rabbitmq_*) continue ;;
    esac
    ln -s "$plugin" "$node/server/plugins/"
  done

  echo '[rabbitmq_management].' >"$node/enabled_plugins"
  cat >"$node/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp_port
management.tcp.ip = 127.0.0.1
management.tcp.port = $management_port
log.console = true
log.console.level = info
CONF
  cat >"$node/env" <<ENV
export HOME='$node/home' ERL_CRASH_DUMP='$node/erl_crash.dump' LC_ALL=C.UTF-8
export RABBITMQ_NODENAME=bridge$base@localhost RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_CONFIG_FILE='$node/rabbitmq.conf' RABBITMQ_CONFIG_FILES= RABBITMQ_ADVANCED_CONFIG_FILE='$node/none'
export RABBITMQ_ENABLED_PLUGINS_FILE='$node/enabled_plugins' RABBITMQ_MNESIA_BASE='$node/data'
export RABBITMQ_LOG_BASE='$node/log' RABBITMQ_LOGS=- RABBITMQ_PID_FILE='$node/pid'
export RABBITMQ_DIST_PORT=$((base + 2)) ERL_EPMD_PORT=$((base + 3)) ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
export RABBITMQ_CTL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
# Without it the start script stays in between and its pid is not the server's.
export RUNNING_UNDER_SYSTEMD=true
ENV
  # Written first and privately: the server and rabbitmqctl would otherwise each make up their own.
  (umask 077 && head -c 24 /dev/urandom | base64 >"$node/home/.erlang.cookie")
  printf '#!/bin/sh\n. "%s/env"\nexec "%s/server/sbin/rabbitmqctl" "$@"\n' "$node" "$node" >"$state/rabbitmqctl"
  chmod +x "$state/rabbitmqctl"
}

boot_node() {
  local deadline=$((SECONDS + 60))
  # An epmd of ours, with a known pid: the server would start one as a daemon that stays behind.
  in_node epmd setsid epmd -port $((amqp_port + 3)) -address 127.0.0.1
  in_node node setsid "$state/node/server/sbin/rabbitmq-server"
  until grep -qs 'Server startup complete' "$state/node.log"; do
    is_running "$(cat "$state/node.pid")" && ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Starts a process of the node in the background: in_node NAME COMMAND...
in_node() {
  local name=$1
  shift
  (
    . "$state/node/env" && cd "$state/node" && exec "$@"
  ) >"$state/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$state/$name.pid"
  disown # or bash would say on stderr that it was killed
}

# At once: nothing that it holds is wanted any more.
stop_private_node() {
  local name pid
  for name in node epmd; do
    [ -e "$state/$name.pid" ] || continue
    pid=$(cat "$state/$name.pid")
    kill -KILL "$pid" 2>/dev/null || true
    for _ in {1..100}; do
      is_running "$pid" || break
      sleep 0.02
    done
    rm -f "$state/$name.pid"
  done
}
