# A RabbitMQ in a Docker container. Sourced by with-rabbitmq.

readonly image=rabbitmq:4-management

# Sets broker, amqp_port and management_port, writes $state/rabbitmqctl. Fails, having said why, if Docker cannot do it.
start_container() {
  local name="bridge-rabbitmq-$$-$RANDOM"
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    say "Docker downloads $image, once"
  fi
  echo "$name" >"$state/container"
  if ! docker run --quiet --detach --rm --name "$name" --publish 127.0.0.1::5672 --publish 127.0.0.1::15672 "$image" \
    >"$state/docker.log" 2>&1 9>&-; then
    say "Docker answers but cannot run $image ($(grep -m 1 '^docker: ' "$state/docker.log")); trying a private node"
    return 1
  fi
  until [[ $(docker logs "$name" 2>&1) == *'Server startup complete'* ]]; do
    if ! docker inspect "$name" >/dev/null 2>&1 || ((SECONDS > 180)); then
      say "the container of $image did not start; trying a private node"
      return 1
    fi
    sleep 0.2
  done
  amqp_port=$(docker port "$name" 5672/tcp | head -n 1)
  amqp_port=${amqp_port##*:}
  management_port=$(docker port "$name" 15672/tcp | head -n 1)
  management_port=${management_port##*:}
  printf '#!/bin/sh\nexec docker exec %s rabbitmqctl "$@"\n' "$name" >"$state/rabbitmqctl"
  chmod +x "$state/rabbitmqctl"
  broker="$image in Docker"
}

stop_container() {
  [ ! -e "$state/container" ] || docker rm --force --volumes "$(cat "$state/container")" >/dev/null 2>&1 || true
}
