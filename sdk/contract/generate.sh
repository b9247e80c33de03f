#!/bin/sh
# Regenerates the Go code of custody.proto with pinned tools, kept in .tools/ at the module's root.
# Needs protoc on PATH (Debian: protobuf-compiler, 3.21 or newer). Its version is left out of the generated
# header, so that the result depends only on the pinned Go tools: `git diff --exit-code` after it is the check.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=$root/.tools/protoc-1.36.12-1.6.2

command -v protoc >/dev/null || { echo "generate: protoc is missing; install protobuf-compiler" >&2; exit 1; }

if ! [ -x "$tools/protoc-gen-go-grpc" ]; then
	mkdir -p "$tools"
	cd "$root"
	GOBIN=$tools go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
	GOBIN=$tools go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
fi

cd "$here"
PATH=$tools:$PATH protoc -I . \
	--go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative \
	custody.proto
sed -i '/^\/\/ .*protoc  *v[0-9]/d' custody.pb.go custody_grpc.pb.go
