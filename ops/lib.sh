# Shared by the scripts in ops/; sourced, not run. Needs bash.

repo_root() { (cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P); }

say() { printf '%s\n' "capataz: $*" >&2; }
die() { say "error: $*"; exit 1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# The folder in which private clusters, the demo's data and their sockets live; never inside the
# checkout. PostgreSQL refuses to run as root, so a root user's clusters belong to another system
# user, who cannot enter root's home: hence /var/lib for root.
state_dir() {
  if [ -n "${CAPATAZ_STATE:-}" ]; then
    printf '%s\n' "$CAPATAZ_STATE"
  elif is_root; then
    printf '%s\n' /var/lib/capataz
  else
    printf '%s\n' "${XDG_STATE_HOME:-$HOME/.local/state}/capataz"
  fi
}

# The system user that runs the servers: the caller, or (for root) postgres, else nobody.
server_user() {
  if ! is_root; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    printf 'postgres\n'
  else
    printf 'nobody\n'
  fi
}

# as_server COMMAND...: runs COMMAND as that user, in / (the caller's folder may be closed to it).
as_server() {
  if is_root; then
    (cd / && setpriv --reuid "$(server_user)" --regid "$(id -g "$(server_user)")" --clear-groups \
      env -u PGOPTIONS -u PGDATABASE -u PGUSER -u PGHOST -u PGPORT HOME=/nonexistent LC_ALL=C.UTF-8 "$@")
  else
    (cd / && env -u PGOPTIONS -u PGDATABASE -u PGUSER -u PGHOST -u PGPORT LC_ALL=C.UTF-8 "$@")
  fi
}

# The folder with initdb, pg_ctl, postgres. CAPATAZ_PG_BIN names it; CAPATAZ_PG_VERSION chooses among
# Debian's; otherwise the newest that has pg_cron, otherwise the newest.
pg_bin() {
  local dir newest=''
  if [ -n "${CAPATAZ_PG_BIN:-}" ]; then
    [ -x "$CAPATAZ_PG_BIN/postgres" ] || die "CAPATAZ_PG_BIN=$CAPATAZ_PG_BIN has no postgres"
    printf '%s\n' "$CAPATAZ_PG_BIN"
    return
  fi
  if [ -n "${CAPATAZ_PG_VERSION:-}" ]; then
    dir=/usr/lib/postgresql/$CAPATAZ_PG_VERSION/bin
    [ -x "$dir/postgres" ] || die "PostgreSQL $CAPATAZ_PG_VERSION is not installed ($dir)"
    printf '%s\n' "$dir"
    return
  fi
  while read -r dir; do
    [ -x "$dir/postgres" ] || continue
    newest=${newest:-$dir}
    if [ -e "${dir%/bin}/lib/pg_cron.so" ]; then
      printf '%s\n' "$dir"
      return
    fi
  done < <(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV)
  if [ -z "$newest" ] && command -v pg_config >/dev/null; then
    dir=$(pg_config --bindir)
    if [ -x "$dir/postgres" ]; then newest=$dir; fi
  fi
  [ -n "$newest" ] || die "no PostgreSQL server found; install Debian's postgresql (make deps does, as root) or set CAPATAZ_PG_BIN"
  printf '%s\n' "$newest"
}
