#!/usr/bin/env bash
# Holds docs/extending.md to its word: each patch of tools/recipes adds something as a recipe there says. In a copy of the tree
# (.build-recipes) it is applied, the files that it touches are counted, the program is built, tools/recipes/check.py sees that
# the new thing works, and the patch is taken back. A line a patch; exit status 1 where one fails.
#   tools/recipes.sh [--together] [NAME...]      all of them where none is named; a build each, or one for all
# The copy begins with the build that is there. Paths are part of a build, so the copy is mounted over the tree, for this
# script's processes alone; where that is not allowed, its first build is one from nothing.
# SWIFT is the command that builds (swift); PYTHON has what tools/requirements.txt names (.venv/bin/python).
set -euo pipefail

root=${RECIPES_ROOT:-$(cd "$(dirname "$0")/.." && pwd)}
export RECIPES_ROOT=$root
copy=$root/.build-recipes
swift=${SWIFT:-swift}
python=${PYTHON:-$root/.venv/bin/python}
all="plot engine wire-message benchmark figure corruption family onnx-operator onnx-layer instruction-set"

# What the recipes promise: new files (a new folder of Sources is one), changed ones, and lines that are added to these.
# Documents, tests and generated files are not counted. Of wire-message two files are of those who answer it.
promise() {
  case $1 in
  benchmark | corruption | figure | plot | family | engine) echo 1 1 1 ;;
  onnx-operator) echo 0 1 10 ;;
  onnx-layer) echo 1 1 10 ;;
  wire-message) echo 0 5 40 ;;
  instruction-set) echo 1 2 25 ;;
  *) return 1 ;;
  esac
}

prepare() {
  mkdir -p "$copy"
  [ -d "$copy/.build" ] || [ ! -d "$root/.build" ] || cp -a --reflink=auto "$root/.build" "$copy/.build"
  find "$copy" -mindepth 1 -maxdepth 1 -not -name .build -not -name runs -exec rm -rf {} +
  # With their times, by which a build knows them.
  (cd "$root" && { git ls-files -z --cached --others --exclude-standard && find . -maxdepth 1 -name Package.resolved -print0; } |
    xargs -0 cp -a --parents -t "$copy")
}

# inside NAME...: in the copy, wherever it is.
inside() {
  local name status=0
  # A repository around the copy is none of its own.
  export GIT_CEILING_DIRECTORIES=$root
  if [ "${RECIPES_TOGETHER:-}" = 1 ]; then
    attempt "$@"
    return
  fi
  for name in "$@"; do attempt "$name" || status=1; done
  return $status
}

# touched PATCH: "new PATH" or "changed LINES PATH" for each file that counts, a new module's folder once.
touched() {
  local added path
  git apply --numstat "$1" | grep -vE '[[:space:]](docs|Tests)/|\.md$|\.pb\.swift$' | while read -r added _ path; do
    module=$(cut -d/ -f1-2 <<< "$path")
    if [ ! -e "$module" ]; then echo "new $module"; elif [ ! -e "$path" ]; then echo "new $path"; else echo "changed $added $path"; fi
  done | sort -u
}

# counted NAME: what its patch touches, in words; 1 where that is more than is promised.
counted() {
  local files new changed lines n c l
  read -r n c l <<< "$(promise "$1")"
  files=$(touched "tools/recipes/$1.patch")
  new=$(grep -c ^new <<< "$files" || true) changed=$(grep -c ^changed <<< "$files" || true)
  lines=$(awk '/^changed/ { lines += $2 } END { print lines + 0 }' <<< "$files")
  echo "$new new, $changed changed by $lines lines"
  [ "$new" -le "$n" ] && [ "$changed" -le "$c" ] && [ "$lines" -le "$l" ]
}

# attempt NAME...: applied together, built once, each looked at, taken back.
attempt() {
  local name counts said word built log=.build/recipes.log start=$SECONDS applied=() status=0
  for name in "$@"; do
    if git apply "tools/recipes/$name.patch"; then
      applied=("$name" "${applied[@]}")
    else
      status=1
      echo "$name: FAILED, the patch does not apply to this tree"
    fi
  done
  if "$swift" build -c release --product gauntlet > "$log" 2>&1; then
    built="built in $((SECONDS - start)) s"
  else
    status=1 built=
    grep error: "$log" | head -n 10
  fi
  for name in "${applied[@]}"; do git apply -R "tools/recipes/$name.patch"; done
  for name in "${applied[@]}"; do
    word=ok said="it does not build"
    counts=$(counted "$name") || word=FAILED counts="$counts, more than is promised"
    if [ -z "$built" ] || ! said=$("$python" tools/recipes/check.py "$name" 2> "$log"); then word=FAILED; tail -n 20 "$log"; fi
    [ $word = ok ] || status=1
    echo "$name: $word; $counts; ${built:+$built; }$said"
  done
  return $status
}

if [ "${1:-}" = --inside ]; then
  shift
  # Whoever mounts is root in the namespace alone.
  if [ "${1:-}" = --mount ]; then
    shift
    if [ -d "$root/.venv" ]; then mkdir -p "$copy/.venv" && mount --bind "$root/.venv" "$copy/.venv"; fi
    mount --rbind "$copy" "$root"
    cd "$root"
  else
    cd "$copy"
  fi
  inside "$@"
  exit
fi

[ "${1:-}" != --together ] || { export RECIPES_TOGETHER=1; shift; }
for name in "$@"; do promise "$name" > /dev/null || { echo "recipes: there is no recipe $name, but $all" >&2; exit 2; }; done
[ -x "$python" ] || { echo "recipes: there is no $python; make .venv/bin/python makes it" >&2; exit 3; }
[ $# -gt 0 ] || { read -ra names <<< "$all"; set -- "${names[@]}"; }
prepare
for how in "unshare --mount" "unshare --map-root-user --mount"; do
  if $how sh -c "mount --bind '$copy' '$root'" 2> /dev/null; then
    exec $how "$copy/tools/recipes.sh" --inside --mount "$@"
  fi
done
echo "recipes: nothing can be mounted here: the first build is one from nothing" >&2
exec "$copy/tools/recipes.sh" --inside "$@"
