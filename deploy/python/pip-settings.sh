# For scripts that install locked packages; to be sourced.

# The lock decides what is installed, whatever pip is configured to do here; only how the network is reached is kept.
keep_only_network_settings_of_pip() { # $1: the environment's python
  local settings key value
  settings=$("$1" -m pip config list | sort -r) # so that the environment comes last and wins
  unset "${!PIP_@}"
  export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
  while IFS='=' read -r key value; do
    value=${value:1:-1}
    case ${key##*.} in
      index-url) export PIP_INDEX_URL=$value ;;
      proxy) export PIP_PROXY=$value ;;
      cert) export PIP_CERT=$value ;;
      client-cert) export PIP_CLIENT_CERT=$value ;;
      timeout | default-timeout) export PIP_DEFAULT_TIMEOUT=$value ;;
      cache-dir) export PIP_CACHE_DIR=$value ;;
    esac
  done <<<"$settings"
}
