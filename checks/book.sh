#!/usr/bin/env bash
# Builds the documentation's site into target/book/html, and checks it. Fails when a link or an
# anchor is broken, in the sources or in the site, or when a page of docs/ or spec/ is not in
# docs/SUMMARY.md.
#
# mdBook wants all pages below one folder. They lie below target/book/src as in the repository, with
# two changes. The README.md of a folder becomes its index. The README of the repository becomes an
# ordinary page, since the site begins with docs/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.5.4
target=${CARGO_TARGET_DIR:-target}
book=$target/book

node checks/links.mjs
node checks/links.mjs --orphans

# Building it takes minutes, once.
[ "$(mdbook --version 2>/dev/null)" = "mdbook v$version" ] || cargo install --locked --quiet "mdbook@$version"

rm -rf "$book"
mkdir -p "$book/src"
cp docs/book.toml "$book/"

# Copies a page; $2 is its path from the top, where it lies in the site.
lay() {
  local up
  up=$(dirname "$2" | sed -E 's#^\.$##; s#[^/]+/?#../#g')
  mkdir -p "$(dirname "$book/src/$2")"
  sed -E "s#(\]\()${up//./\\.}README\.md#\1${up}strongroom.md#g; s#(\]\([^)]*)README\.md#\1index.md#g" \
    "$1" >"$book/src/$2"
}
lay docs/SUMMARY.md SUMMARY.md
sed -nE 's/.*\]\(([^)]+)\).*/\1/p' docs/SUMMARY.md | while IFS= read -r page; do
  case $page in
    README.md) lay "$page" strongroom.md ;;
    *) lay "$page" "${page/%README.md/index.md}" ;;
  esac
done
# Other files that pages link to are copied as they are.
node checks/links.mjs --files | while IFS= read -r file; do install -D -m 644 "$file" "$book/src/$file"; done

mdbook build "$book"
# mdBook writes the first page a second time as the site's index, where its links lead nowhere.
cat >"$book/html/index.html" <<'END'
<!doctype html><html lang="en"><meta charset="utf-8"><title>Strongroom</title>
<meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">Strongroom</a></html>
END
node checks/links.mjs --html "$book/html"
