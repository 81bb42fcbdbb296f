#!/usr/bin/env bash
# The main job, once, on an embedded deployment: find bundles, look at one, download it, check it. All below demo/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { # show a command as it would be typed, then run it
  local word line='$'
  for word in "$@"; do
    case $word in *[!a-zA-Z0-9_./:=-]*) line="$line '$word'" ;; *) line="$line $word" ;; esac
  done
  printf '%s\n' "$line"
  "$@"
}
if [ -n "${NO_COLOR:-}" ] || [ ! -t 1 ]; then say() { printf '\n%s\n' "$*"; }; fi
if ! command -v sha256sum > /dev/null; then sha256sum() { shasum -a 256 "$@"; }; fi

rm -rf demo
mkdir demo
cd demo
# Nothing of the user's own configuration is read or written.
export XDG_CONFIG_HOME="$PWD/home" XDG_CACHE_HOME="$PWD/home" XDG_DATA_HOME="$PWD/home"
unset HCA_CONFIG_FILE HCA_DSS_URL HCA_TOKEN
bundle=ffffaf55-f19c-40e3-aa81-a6c69d357265

say "1. Start the services on this machine, with a sample dataset. (The hosted ones are retired.)"
run hca local up --data store > up.json
trap 'hca local down --data store > /dev/null 2>&1 || true' EXIT
eval "$(hca local env --data store)"

say "2. Find bundles: a bundle is a set of files, metadata and data, that belong together."
printf '$ hca dss get-bundles-all --replica aws --output table\n'
hca dss get-bundles-all --replica aws --output table > bundles.txt
head -n 7 bundles.txt
echo "... $(($(wc -l < bundles.txt) - 2)) bundles in all"

say "3. Look at the largest files of one of them."
run hca dss get-bundle --replica aws --uuid "$bundle" --output table \
  --query 'reverse(sort_by(bundle.files, &size))[:5].{name: name, size: size, type: "content-type"}'

say "4. Download it. Every file is checked against its size and sha256 while it arrives."
run hca dss download --replica aws --bundle-uuid "$bundle" --download-dir data

say "5. Check it once more, with other people's tools: the service's checksums against the files on disk."
folder=$(echo data/"$bundle".*)
hca dss get-bundle --replica aws --uuid "$bundle" --output tsv \
  --query 'bundle.files[].{sha256: sha256, name: name}' | tail -n +2 | sed 's/\t/  /' > "$folder/SHA256SUMS"
printf '$ cd demo/%s && sha256sum -c SHA256SUMS\n' "$folder"
(cd "$folder" && sha256sum -c SHA256SUMS)

say "6. Run the same download again: all is there, so nothing is fetched."
run hca dss download --replica aws --bundle-uuid "$bundle" --download-dir data --query '{fetched: fetched, present: present}'

say "7. Stop the services."
run hca local down --data store > /dev/null
trap - EXIT

say "Done. The bundle lies in demo/$folder:"
ls "$folder"
