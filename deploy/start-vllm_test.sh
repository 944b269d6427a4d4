#!/usr/bin/env bash
# Tests start-vllm.sh with a simulated vllm and nvidia-smi on PATH: no GPU, no network. Needs bash and Go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tmp=$(mktemp -d)
job=''
trap 'kill ${job:+$job} 2>/dev/null || true; rm -rf "$tmp"' EXIT
export TMPDIR=$tmp
mkdir "$tmp/bin" "$tmp/empty"
go build -o "$tmp/bin/vllm" ./deploy/testdata/fakevllm
cat >"$tmp/bin/nvidia-smi" <<'EOF'
#!/bin/sh
[ -z "$FAKE_SMI" ] || { echo "$FAKE_SMI"; exit 9; }
echo "0, NVIDIA H100 80GB HBM3, 81559, ${FAKE_USED:-4}"
echo "1, NVIDIA H100 80GB HBM3, 81559, 4"
EOF
chmod +x "$tmp/bin/nvidia-smi"
export PATH=$tmp/bin:$PATH FAKE_SMI='' FAKE_VLLM=ready
unset CUDA_VISIBLE_DEVICES VLLM_API_KEY HF_HOME
port=$(vllm freeport)

passed=0
fail() { printf 'FAIL: %s\n--- output:\n%s\n' "$1" "$(cat "$tmp/out")"; exit 1; }
check() { # check NAME STATUS TEXT... -- ARGUMENTS...: the script ends with STATUS and says every TEXT
  local name=$1 want=$2 texts=() status=0 text
  shift 2
  while [[ $1 != -- ]]; do texts+=("$1"); shift; done
  shift
  timeout 300 bash deploy/start-vllm.sh "$@" >"$tmp/out" 2>&1 || status=$?
  [[ $status -eq $want ]] || fail "$name: exit status $status, want $want"
  for text in "${texts[@]}"; do grep -qF -- "$text" "$tmp/out" || fail "$name: does not say: $text"; done
  passed=$((passed + 1))
}
await() { # await TEXT: until the background run has said it
  for _ in {1..1200}; do
    if grep -qF -- "$1" "$tmp/out"; then return 0; fi
    sleep 0.1
  done
  fail "never said: $1"
}

check 'help' 0 'openai/gpt-oss-120b' '--memory' '--max-model-len' -- --help
check 'default command' 0 'vllm serve openai/gpt-oss-120b --host 127.0.0.1 --port 8000 --tensor-parallel-size 2 --gpu-memory-utilization 0.90 --enable-prompt-tokens-details --shutdown-timeout 30' -- --dry-run
if grep -q -- '--enable-per-request-metrics' "$tmp/out"; then fail 'a flag that this vllm does not know was used'; fi
check 'every option' 0 'vllm serve m --host 0.0.0.0 --port 9 --tensor-parallel-size 4 --gpu-memory-utilization .5 --max-model-len 77' '--shutdown-timeout 5 --x y' -- \
  --model=m --host 0.0.0.0 --port 9 --tp 4 --gpu-memory-utilization .5 --max-model-len 77 --dry-run -- --shutdown-timeout 5 --x y
if grep -q -- '--shutdown-timeout 30' "$tmp/out"; then fail 'a flag that was given is repeated'; fi
check 'key not in the command' 0 'vllm serve' -- --api-key s3cret --dry-run
if grep -q s3cret "$tmp/out"; then fail 'the key shows'; fi
check 'unknown option' 2 'unknown option: --gpu' 'after --' -- --gpu 3
check 'missing value' 2 '--port needs a value' -- --port
check 'bad port' 2 'not a port: 99999' '--port 8000' -- --port 99999
check 'bad share' 2 'not a share of GPU memory: 90' '--memory 0.90' -- --memory 90
check 'bad tp' 2 'not a number of GPUs: zero' -- --tp zero
check 'bad length' 2 'not a number of tokens: 32k' -- --max-model-len 32k

FAKE_SMI='NVIDIA-SMI has failed' check 'broken driver' 1 'nvidia-smi fails: NVIDIA-SMI has failed' 'reboot' -- --port "$port"
check 'too few GPUs' 1 '--tp 4 asks for 4 GPUs, and 2 of the 2' '--tp 1' -- --port "$port" --tp 4
CUDA_VISIBLE_DEVICES=1 check 'too few visible' 1 'and 1 of the 2' 'CUDA_VISIBLE_DEVICES=1' -- --port "$port"
FAKE_USED=40000 check 'GPU in use' 1 'GPU 0 (NVIDIA H100 80GB HBM3) has 41559 of 81559 MiB free' '--memory 0.49' -- --port "$port"

ends_with() { # ends_with LOG_TEXT TEXT...: the server fails with LOG_TEXT and the script says every TEXT
  local text=$1
  shift
  FAKE_VLLM=$text check "$text" 1 "$text" 'it failed' "$@" -- --port "$port"
}
ends_with 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.' 'ran out of memory' '--tp 4' '--max-model-len' '--memory 0.85'
ends_with 'ValueError: No available memory for the cache blocks.' 'none is left for conversations' '--memory 0.95'
ends_with 'ValueError: To serve at least one request (9.0 GiB KV cache is needed). Based on the available memory, the estimated maximum model length is 34816.' '--max-model-len 34816'
ends_with "The model's max seq len (4096) is larger than the maximum number of tokens that can be stored in KV cache (3664)." '--max-model-len 3664'
ends_with 'OSError: [Errno 98] error while attempting to bind: address already in use' 'was taken' "--port $((port + 1))"
ends_with 'huggingface_hub.errors.GatedRepoError: 401 Client Error.' 'gated' 'HF_TOKEN'
ends_with 'ValueError: Free memory on device (7.34/139.72 GiB) on startup is less than desired GPU memory utilization' 'nvidia-smi'
ends_with 'vllm: error: unrecognized arguments: --no-such' 'does not know a flag'
ends_with 'something new' 'no known cause' 'its log:'

: >"$tmp/out"
VLLM_API_KEY=s3cret bash deploy/start-vllm.sh --port "$port" >"$tmp/out" 2>&1 &
job=$!
await 'ready after'
await "LLM_BASE_URL=http://127.0.0.1:$port/v1"
if grep -q 'dev/tcp' "$tmp/out"; then fail 'the wait for the server makes noise'; fi
await 'LLM_MODEL=openai/gpt-oss-120b'
await 'key=s3cret' # the simulated server says what it was given
cp "$tmp/out" "$tmp/first"
check 'port taken' 1 "port $port is taken" 'says it is healthy' "--port $((port + 1))" -- --port "$port"
cp "$tmp/first" "$tmp/out"
kill -TERM "$job"
status=0
wait "$job" || status=$?
job=''
[[ $status -eq 0 ]] || fail "stopped by SIGTERM: exit status $status, want 0"
[[ $(find "$tmp" -name 'start-vllm.??????' | wc -l) -eq 9 ]] || fail 'logs: not just those of the nine failed starts are kept'
passed=$((passed + 1))

: >"$tmp/out" # the job's own redirection may come after the first look
bash deploy/start-vllm.sh --port "$port" --no-gpu-check >"$tmp/out" 2>&1 &
job=$!
await 'ready after'
kill -TERM "$job"
wait "$job" || fail 'second start did not stop well'
job=''
grep -qF 'fakevllm: last words' "$tmp/out" || fail 'the server was not stopped by SIGTERM, or its last words were lost'
passed=$((passed + 1))

FAKE_VLLM=slow check 'never ready' 1 'not ready after 2 s' '--wait 7200' 'its log:' -- --port "$port" --wait 2

# Without vllm the container image is used; docker itself is not started here.
mkdir "$tmp/docker"
printf '#!/bin/sh\nexit 1\n' >"$tmp/docker/docker"
chmod +x "$tmp/docker/docker"
PATH=$tmp/docker:$PATH check 'docker' 0 'docker run --rm' '--gpus all --ipc=host -p 127.0.0.1:8000:8000' 'vllm/vllm-openai:latest openai/gpt-oss-120b --host 0.0.0.0' -- --docker --dry-run
PATH=$tmp/docker:$PATH check 'docker on IPv6' 0 'docker run --rm' '-p \[::\]:8000:8000' 'openai/gpt-oss-120b --host 0.0.0.0' -- --docker --dry-run --host ::

printf '%d passed\n' "$passed"
