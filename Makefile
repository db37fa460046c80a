# The two commands: "make run" starts the server with the people of the API documents, "make test" runs every test.
.PHONY: run build test bench lint fuzz need

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME   ?= 30s

run:
	go run ./cmd/orderd serve --demo

build:
	go build -trimpath -o bin/ ./cmd/...

# What the tests want beside Go: a real redis-server, curl for the README's tour, a C compiler for the race detector,
# Python's zeep, with which hospital systems call SOAP.
# Install it where that is allowed, say what to install where it is not.
need:
	@missing=""; \
	for tool in redis-server:redis-server curl:curl gcc:gcc,libc6-dev; do \
	  command -v "$${tool%%:*}" >/dev/null || missing="$$missing $$(echo "$${tool#*:}" | tr , ' ')"; \
	done; \
	/usr/bin/python3 -c 'import zeep' 2>/dev/null || python3 -c 'import zeep' 2>/dev/null || missing="$$missing python3-zeep"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "missing:$$missing; install it first (Debian: apt-get install$$missing)" >&2; exit 1; fi

test: need
	go test -race -timeout 15m ./...

lint:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

# Every figure in the README comes from here. Compare ratios within one run, not figures between runs.
bench: need
	@go test -run '^$$' -bench . -timeout 60m ./eventstore/embedded ./eventstore/esdb ./eventstore/proof ./projections/... ./test/load | go run ./test/load/table

fuzz:
	@for target in $$(grep -rl --include='*_test.go' '^func Fuzz' . ); do \
	  for name in $$(grep -o '^func Fuzz[A-Za-z0-9]*' $$target | cut -c6-); do \
	    echo "$$target $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) ./$$(dirname $$target) || exit 1; \
	  done; done
