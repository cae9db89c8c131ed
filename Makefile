# Two commands do everything on a fresh Debian machine with a Swift toolchain:
#   make run    set up, build, draw the miniature data set, evaluate it, print the table
#   make test   set up, run all tests
# The rest is for those who work on Gauntlet itself.

SWIFT ?= swift
BUILD := .build/release
GAUNTLET := $(BUILD)/gauntlet
PYTHON := .venv/bin/python
DIST_PYTHON := .venv-dist/bin/python
DIST_TOOLS := .venv-dist/installed
DOCS_TOOLS := .venv-docs/installed
PYTHON_TESTS := .venv-python/tested
RUN := runs/miniature
DATA := runs/data/miniature
export LC_ALL := C.UTF-8

.PHONY: run study test recipes check-pages dist wheel try-dist test-python docs sbom kubernetes simulate chaos full-disk strangers live-page sanitize sanitize-quick sanitize-kernels fuzz build setup lint format proto train fixtures parity bench clean

run: build
	$(GAUNTLET) demo . --run $(RUN)

# The study's nine experiments in small: table, and a page with the study's figures.
study: build
	$(GAUNTLET) miniature $(DATA)
	$(GAUNTLET) run manifests/study-miniature.yaml --run runs/study

test: setup
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build

# Adds something of each kind to a copy of the tree, by the patches of tools/recipes, to see that it takes the files that
# docs/extending.md says, and works: ten builds, most of which compile half of the program. No part of the tests.
recipes: build $(PYTHON)
	SWIFT=$(SWIFT) tools/recipes.sh

# The program with its libraries as dist/gauntlet-VERSION-linux-ARCH.tar.gz, for machines that have neither Swift nor the
# libraries: unpack and start it anywhere.
dist: build $(DIST_TOOLS)
	tools/libav.sh dist/libav
	$(DIST_PYTHON) tools/dist.py

# The same program and the Python package as a wheel: pip install dist/*.whl.
wheel: dist
	GAUNTLET_PROGRAM=$(CURDIR)/dist/gauntlet-$$(tools/version.sh)-linux-$$(uname -m) $(DIST_PYTHON) -m build --wheel \
	  --no-isolation --outdir dist python

# Tarball and wheel in bare roots of two Debian releases, as an ordinary user with a home that cannot be written; as root.
try-dist:
	tools/try_dist.sh

# Opens the miniature's report as readers do, light, dark, narrow and without scripts, and asks axe-core what some cannot read.
PAGES ?= $(RUN)/report.html
check-pages: .venv-pages/bin/playwright
	.venv-pages/bin/python tools/check_pages.py $(PAGES)

.venv-pages/bin/playwright: tools/page-requirements.txt
	python3 -m venv .venv-pages
	.venv-pages/bin/pip install --quiet -r tools/page-requirements.txt
	touch $@

$(DIST_TOOLS): tools/dist-requirements.txt
	python3 -m venv .venv-dist
	.venv-dist/bin/pip install --quiet -r tools/dist-requirements.txt
	touch $@

# The Python package in an environment of its own: its tests, the examples of its texts, and docs/python.md. Needs no program.
test-python: $(PYTHON_TESTS)
	.venv-python/bin/pip install --quiet --no-deps --force-reinstall ./python
	cd python/tests && ../../.venv-python/bin/python -m pytest -q -c ../pyproject.toml --rootdir .. -p no:cacheprovider . \
	  --doctest-modules --doctest-glob '*.md' --pyargs gauntlet ../../docs/python.md

$(PYTHON_TESTS): python/pyproject.toml
	python3 -m venv .venv-python
	.venv-python/bin/pip install --quiet './python[test]'
	touch $@

# The documentation as a site, site/index.html; a link that leads nowhere is an error. mkdocs.yml says what it has, and
# tools/docs_hook.py adds README and the Python package.
docs: $(DOCS_TOOLS)
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

$(DOCS_TOOLS): tools/docs-requirements.txt
	python3 -m venv .venv-docs
	.venv-docs/bin/pip install --quiet -r tools/docs-requirements.txt
	touch $@

# What the program is made of: Swift packages and shared libraries with versions and digests, as CycloneDX.
sbom: build
	python3 tools/sbom.py

# Checks the objects that `gauntlet launch --engine kubernetes` writes against the schemas that Kubernetes publishes.
kubernetes: build
	$(GAUNTLET) launch cluster/kubernetes/example.yaml --run /runs/example --image registry.example.org/gauntlet:0.9.0 \
	  --dry-run
	tools/check_kubernetes.sh runs/example-kubernetes/run.yaml

# Four hundred blocks of 500 seeds of the scheduler's simulation, then a cluster of 10,000 workers and 5,000,000 shards. A
# failure prints its seed, which runs alone by GAUNTLET_SIMULATION_SEED=N. Then the ledger on a disk that fails at 50,000
# operations; GAUNTLET_LEDGER_SEED=N GAUNTLET_LEDGER_SEEDS=1 is one of its seeds. Then the whole coordinator with workers on
# that disk, which dies 1,000,000 times, by two processes; GAUNTLET_COORDINATOR_SEED=N GAUNTLET_COORDINATOR_SEEDS=1
# GAUNTLET_COORDINATOR_POINTS=50 is one of its seeds.
simulate: setup
	$(SWIFT) build -c release --build-tests
	GAUNTLET_SIMULATION_BLOCKS=$${GAUNTLET_SIMULATION_BLOCKS:-400} $(SWIFT) test -c release --skip-build \
	  --filter SimulationTests
	GAUNTLET_SIMULATION_WORKERS=10000 GAUNTLET_SIMULATION_SHARDS=5000000 $(SWIFT) test -c release --skip-build \
	  --filter survivesAtScale
	GAUNTLET_LEDGER_SEEDS=$${GAUNTLET_LEDGER_SEEDS:-2000} GAUNTLET_LEDGER_POINTS=25 $(SWIFT) test -c release --skip-build \
	  --filter LedgerCrashTests
	half=$$(($${GAUNTLET_COORDINATOR_SEEDS:-20000} / 2)); crash() { GAUNTLET_COORDINATOR_SEED=$$1 \
	  GAUNTLET_COORDINATOR_SEEDS=$$half GAUNTLET_COORDINATOR_POINTS=50 $(SWIFT) test -c release --skip-build \
	  --filter CoordinatorCrashTests.crashes; }; crash 0 & first=$$!; crash $$half && wait $$first

# Kills, stops, starves and damages runs of the miniature for ten minutes, takes their data, disks and folders away, and
# compares their archives with an undisturbed one. As root also disks fill; with Debian's package faketime clocks jump; with
# a C compiler reads fail, quotas are exceeded and locks lie.
chaos: build $(PYTHON)
	$(PYTHON) tools/chaos.py

# Ten thousand strangers without a key at a coordinator with little memory and few files, while a run goes on.
strangers: build $(PYTHON)
	$(PYTHON) tools/strangers.py

# A run's live page in headless Chromium, light, dark and narrow, with axe, before and after its coordinator was killed.
live-page: build .venv-pages/bin/playwright
	.venv-pages/bin/python tools/check_live_page.py

# Every command on small disks of every size, as root: half an hour.
full-disk: build $(PYTHON)
	$(PYTHON) tools/full_disk.py

# The tests under the sanitizers of threads and of addresses, over every module but the unrolled kernels; Slurm starts the
# same programs as the other tests do. Then the sanitizer of addresses over the unrolled kernels.
sanitize: setup
	tools/sanitize.sh thread --skip KernelsTests --skip SlurmTests
	tools/sanitize.sh address --skip KernelsTests --skip SlurmTests

# The same in a quarter of an hour: in the build that is there, whose dependencies and kernels stay, and where each can find
# something: the sanitizer of threads in what has threads, that of addresses in what reads files and in what computes. Tests of
# the whole program, which draw much or wait long, and the scheduler, which has neither threads nor addresses, are left to
# `make sanitize`. `make build` makes the plain program again.
THREADED := (Coordination|Messaging|Working|Monitoring|Launching|Durable|Machine)Tests|EndToEndTests.BelievedResult
UNTHREADED := KernelsTests|GoldenLogits|SchedulingTests|EndToEndTests|CoordinationTests|LaunchingTests|MonitoringTests
sanitize-quick: setup
	GAUNTLET_SANITIZE_BUILD=$(CURDIR)/.build tools/sanitize.sh thread --filter '$(THREADED)'
	GAUNTLET_SANITIZE_BUILD=$(CURDIR)/.build tools/sanitize.sh address --skip '$(UNTHREADED)'

sanitize-kernels: setup
	tools/sanitize.sh kernels

# Feeds damaged files to the readers of what strangers make, a million of each checkpoint's format, fewer of pictures,
# manifests and tars, and fewest archives, which a process of its own reads: an hour where there is a file system in memory.
# `tools/make_fuzz_seeds.py .build/release/gauntlet` draws the files that are damaged.
FUZZ_INPUTS ?= 1000000
FUZZ_PICTURES ?= 100000
FUZZ_ARCHIVES ?= 20000
FUZZ := TMPDIR=$(firstword $(wildcard /dev/shm) /tmp) OPENBLAS_NUM_THREADS=1 MALLOC_ARENA_MAX=1 $(BUILD)/reader-fuzzer
SEEDS := Sources/ReaderFuzzer/Seeds
fuzz: build
	$(SWIFT) build -c release --product reader-fuzzer
	for file in Tests/NetworksTests/Fixtures/fuzz/*; do $(FUZZ) $$file --inputs $(FUZZ_INPUTS) || exit 1; done
	for file in $(filter-out %.h5,$(wildcard $(SEEDS)/*)); do $(FUZZ) $$file --inputs $(FUZZ_PICTURES) || exit 1; done
	for file in $(SEEDS)/*.h5; do $(FUZZ) $$file --inputs $(FUZZ_ARCHIVES) || exit 1; done

build: setup
	$(SWIFT) build -c release --product gauntlet

setup:
	@tools/setup.sh

# The warnings of swift format are errors, so that the tree stays clean.
lint:
	$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift

format:
	$(SWIFT) format format --in-place --recursive --parallel Sources Tests Package.swift

# Regenerates the wire messages; the generated Swift is committed, so that a build needs no protoc.
proto:
	$(SWIFT) build -c release --product protoc-gen-swift
	protoc --plugin=$(BUILD)/protoc-gen-swift --swift_out=Sources/Messaging/Protocol -I Sources/Messaging/Protocol \
	  wire.proto

$(PYTHON):
	python3 -m venv .venv
	.venv/bin/pip install --quiet -r tools/requirements.txt

# Trains the miniature's networks anew (about three hours) and replaces models/*-nano.safetensors.
train: build $(PYTHON)
	for network in replknet-nano resnet-nano vit-nano; do $(PYTHON) tools/train_miniature.py $$network || exit 1; done

# Writes the small references of the tests anew, from PyTorch and scikit-learn. Others need packages that their heads name:
# tools/make_imaging_fixtures.py, tools/make_corruption_fixtures.py, tools/make_video_fixtures.py.
fixtures: $(PYTHON)
	$(PYTHON) tools/make_fixtures.py
	$(PYTHON) tools/make_metric_fixtures.py

# Compares full-size networks and the miniature's accuracy with PyTorch, and the corruptions with the imagecorruptions
# package, which needs older libraries and an environment of its own. Its glass_blur takes seconds a picture: 7 minutes.
parity: build $(PYTHON) .venv-corruptions/bin/python
	$(PYTHON) tools/parity.py
	.venv-corruptions/bin/python tools/peers/corruptions.py
	.venv-corruptions/bin/python tools/peers/corruptions.py --wrong

.venv-corruptions/bin/python:
	python3 -m venv .venv-corruptions
	.venv-corruptions/bin/pip install --quiet -r tools/peers/corruptions-requirements.txt

bench: build
	$(GAUNTLET) bench kernels
	$(GAUNTLET) bench model replknet-31b
	$(GAUNTLET) bench coordinator

clean:
	rm -rf .build .build-* .venv-corruptions .venv-dist .venv-docs .venv-python site $(RUN) $(DATA)
