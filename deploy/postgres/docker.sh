# A PostgreSQL in a Docker container. Sourced by with-postgres.

readonly image=postgres:17

# Sets server and port. Fails, having said why, if Docker cannot do it.
start_container() {
  local name="bridge-postgres-$$-$RANDOM"
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    say "Docker downloads $image, once"
  fi
  echo "$name" >"$state/container"
  if ! docker run --quiet --detach --rm --name "$name" --publish 127.0.0.1::5432 \
    --env POSTGRES_USER=bridge --env POSTGRES_PASSWORD="$password" "$image" >"$state/docker.log" 2>&1 9>&-; then
    say "Docker answers but cannot run $image ($(grep -m 1 '^docker: ' "$state/docker.log")); trying a private server"
    return 1
  fi
  # On TCP: the image first starts a server without it, to set itself up.
  until docker exec "$name" pg_isready --quiet --host 127.0.0.1 2>/dev/null; do
    if ! docker inspect "$name" >/dev/null 2>&1 || ((SECONDS > 180)); then
      say "the container of $image did not start; trying a private server"
      return 1
    fi
    sleep 0.1
  done
  port=$(docker port "$name" 5432/tcp | head -n 1)
  port=${port##*:}
  server="$image in Docker"
}

stop_container() {
  [ ! -e "$state/container" ] || docker rm --force --volumes "$(cat "$state/container")" >/dev/null 2>&1 || true
}
