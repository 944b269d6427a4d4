#!/usr/bin/env bash
# Serves a model with vLLM for llmbot: checks port and GPUs first, says when the server is ready and what to put into the
# bot's environment, and reads the log when it fails, to say what to change. See --help.
set -euo pipefail

model=openai/gpt-oss-120b host=127.0.0.1 port=8000 memory=0.90 tp=2 max_len='' api_key=${VLLM_API_KEY:-}
image=vllm/vllm-openai:latest use_docker='' gpu_check=1 dry_run='' wait_s=3600 drain_s=30
keep_log_bytes=$((32 << 20)) # a log that grew beyond it is emptied

usage() {
  cat <<EOF
Usage: start-vllm.sh [options] [-- more flags of vllm serve]

Serves $model on two GPUs, unless told otherwise. Stays in the foreground; SIGTERM or Ctrl-C ends it after
the answers in progress (at most $drain_s s).

  --model NAME          Hugging Face name or folder            ($model)
  --port N              port of the server                     ($port)
  --host ADDRESS        address to listen on; 0.0.0.0 for all  ($host)
  --memory SHARE        share of each GPU's memory, 0.10-0.99  ($memory)
                        (also --gpu-memory-utilization)
  --tp N                GPUs that share the model              ($tp)
                        (also --tensor-parallel-size)
  --max-model-len N     longest prompt plus answer, in tokens  (what the model can)
  --api-key KEY         clients must send it; better given as VLLM_API_KEY in the environment, where ps does not show it
  --docker              use the container image even if vllm is installed
  --image NAME          the image                              ($image)
  --wait SECONDS        give up if it is not ready by then     ($wait_s; the first start downloads the model)
  --no-gpu-check        do not ask nvidia-smi (AMD, CPU, ...)
  --dry-run             print the command, start nothing
  --help

CUDA_VISIBLE_DEVICES chooses the GPUs, HF_TOKEN opens gated models, HF_HOME says where models are kept.
EOF
}

say() { printf 'start-vllm: %s\n' "$*"; }
die() { # die STATUS WHAT WHAT_TO_DO...
  printf 'start-vllm: %s\n' "$2" >&2
  if [[ $# -gt 2 ]]; then printf '            %s\n' "${@:3}" >&2; fi
  exit "$1"
}

extra=()
while [[ $# -gt 0 ]]; do
  option=$1 value=''
  case $option in
    --) shift; extra=("$@"); break ;;
    -h | --help) usage; exit 0 ;;
    --docker) use_docker=1; shift; continue ;;
    --no-gpu-check) gpu_check=''; shift; continue ;;
    --dry-run) dry_run=1; shift; continue ;;
    --*=*) value=${option#*=} option=${option%%=*}; shift ;;
    --model | --port | --host | --memory | --gpu-memory-utilization | --tp | --tensor-parallel-size | --max-model-len | --api-key | --image | --wait)
      [[ $# -ge 2 ]] || die 2 "$option needs a value" 'See --help.'
      value=$2; shift 2 ;;
    *) die 2 "unknown option: $option" 'Flags of vllm itself go after --, e.g. start-vllm.sh --port 8001 -- --max-num-seqs 64.' 'See --help.' ;;
  esac
  case $option in
    --model) model=$value ;;
    --port) port=$value ;;
    --host) host=$value ;;
    --memory | --gpu-memory-utilization) memory=$value ;;
    --tp | --tensor-parallel-size) tp=$value ;;
    --max-model-len) max_len=$value ;;
    --api-key) api_key=$value ;;
    --image) image=$value ;;
    --wait) wait_s=$value ;;
    *) die 2 "unknown option: $option" 'Flags of vllm itself go after --. See --help.' ;;
  esac
done

[[ -n $model ]] || die 2 'the model has no name' 'Give one: --model openai/gpt-oss-120b'
[[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || die 2 "not a port: $port" 'Give a number from 1 to 65535: --port 8000'
[[ $memory =~ ^0?\.[1-9][0-9]*$ ]] || die 2 "not a share of GPU memory: $memory" 'Give a number from 0.10 to 0.99: --memory 0.90'
[[ $tp =~ ^[1-9][0-9]?$ ]] || die 2 "not a number of GPUs: $tp" 'Give 1, 2, 4 or 8: --tp 2'
[[ -z $max_len || $max_len =~ ^[1-9][0-9]*$ ]] || die 2 "not a number of tokens: $max_len" 'For example: --max-model-len 32768'
[[ $wait_s =~ ^[1-9][0-9]*$ ]] || die 2 "not a number of seconds: $wait_s" 'For example: --wait 3600'

# Where this machine reaches the server.
case $host in 0.0.0.0) probe=127.0.0.1 ;; ::) probe=::1 ;; *) probe=$host ;; esac

listening() { (exec 3<>"/dev/tcp/$probe/$port") 2>/dev/null; }
healthy() ( # one request without curl, which a machine with vllm need not have
  exec 2>/dev/null
  exec 3<>"/dev/tcp/$probe/$port" || exit 1
  printf 'GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
  IFS= read -r -t 5 answer <&3 && [[ $answer == HTTP/1.*' 200'* ]]
)

check_port() {
  listening || return 0
  local what='Something'
  if healthy; then what='A server that says it is healthy, perhaps another vllm,'; fi
  die 1 "port $port is taken" "$what already answers on $probe:$port (who: ss -ltnp 'sport = :$port')." \
    "End it, or choose another port: --port $((port < 65535 ? port + 1 : 8000))"
}

check_gpus() {
  [[ -n $gpu_check ]] || return 0
  local table total_gpus rows=() row index name total used chosen=()
  command -v nvidia-smi >/dev/null || die 1 'no nvidia-smi here, so no NVIDIA driver' \
    'Install the driver, or, if this machine has other hardware that vllm can use, add --no-gpu-check.'
  table=$(nvidia-smi --query-gpu=index,name,memory.total,memory.used --format=csv,noheader,nounits 2>&1) ||
    die 1 "nvidia-smi fails: ${table%%$'\n'*}" 'Driver and kernel module may not match after an upgrade: reboot, or reinstall the driver.'
  mapfile -t rows < <(grep -E '^[0-9]+,' <<<"$table" || true)
  total_gpus=${#rows[@]}
  if [[ ${CUDA_VISIBLE_DEVICES:-} =~ ^[0-9]+(,[0-9]+)*$ ]]; then
    for index in ${CUDA_VISIBLE_DEVICES//,/ }; do
      for row in "${rows[@]}"; do if [[ ${row%%,*} == "$index" ]]; then chosen+=("$row"); fi; done
    done
    rows=("${chosen[@]}")
  fi
  if [[ ${#rows[@]} -lt $tp ]]; then
    die 1 "--tp $tp asks for $tp GPUs, and ${#rows[@]} of the $total_gpus in this machine can be used${CUDA_VISIBLE_DEVICES:+ (CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES)}" \
      'Use fewer: --tp 1 (gpt-oss-120b needs one GPU with 80 GB or more), or a smaller model: --model openai/gpt-oss-20b --tp 1'
  fi
  for row in "${rows[@]:0:tp}"; do
    IFS=, read -r index name total used <<<"$row"
    total=${total// /} used=${used// /}
    [[ $total =~ ^[0-9]+$ && $used =~ ^[0-9]+$ ]] || continue # shared memory: nothing to compare
    if awk -v t="$total" -v u="$used" -v m="$memory" 'BEGIN { exit !(t - u < t * m) }'; then
      local fits
      fits=$(awk -v t="$total" -v u="$used" 'BEGIN { printf "%.2f", int((t - u) / t * 100 - 1) / 100 }')
      die 1 "GPU $index (${name# }) has $((total - used)) of $total MiB free, and --memory $memory wants more" \
        "See who uses it with nvidia-smi and end that, choose other GPUs with CUDA_VISIBLE_DEVICES," \
        "or take less, if the model still fits: --memory $fits"
    fi
  done
}

# Sets cmd to what starts the server, without its flags, and help_cmd to what prints all flags.
choose_runner() {
  if [[ -z $use_docker ]] && command -v vllm >/dev/null; then
    cmd=(vllm serve) help_cmd=(vllm serve)
    return 0
  fi
  command -v docker >/dev/null || die 1 'neither vllm nor docker is installed' \
    'Install vllm (https://docs.vllm.ai/en/latest/getting_started/installation/), or docker with the NVIDIA container toolkit.'
  use_docker=1
  local gpus=(--gpus all)
  if [[ -z $gpu_check ]]; then gpus=(); fi
  # The second volume keeps what torch compiled: later starts are faster.
  local published=$host
  if [[ $host == *:* ]]; then published="[$host]"; fi # IPv6
  cmd=(docker run --rm --name "start-vllm-$port" --init "${gpus[@]}" --ipc=host -p "$published:$port:$port"
    -v "${HF_HOME:-$HOME/.cache/huggingface}:/root/.cache/huggingface" -v vllm-cache:/root/.cache/vllm
    -e HF_TOKEN -e VLLM_API_KEY)
  if [[ -n ${CUDA_VISIBLE_DEVICES:-} ]]; then cmd+=(-e CUDA_VISIBLE_DEVICES); fi
  cmd+=("$image")
  help_cmd=(docker run --rm "${gpus[@]}" "$image")
}

knows() { [[ $flags_known =~ (^|[^-a-z])$1([^-a-z]|$) ]]; }
given() { local flag; for flag in "${extra[@]}"; do if [[ ${flag%%=*} == "$1" ]]; then return 0; fi; done; return 1; }
add_if_known() { # add_if_known FLAG [VALUE]
  if ! given "$1" && knows "$1"; then cmd+=("$@"); fi
}

build_command() {
  local cmd_host=$host
  if [[ -n $use_docker ]]; then cmd_host=0.0.0.0; fi # inside the container; outside, -p says who may connect
  cmd+=("$model" --host "$cmd_host" --port "$port" --tensor-parallel-size "$tp" --gpu-memory-utilization "$memory")
  if [[ -n $max_len ]]; then cmd+=(--max-model-len "$max_len"); fi
  flags_known=''
  if [[ -z $dry_run || -z $use_docker ]] || docker image inspect "$image" >/dev/null 2>&1; then
    flags_known=$("${help_cmd[@]}" --help=all 2>/dev/null || "${help_cmd[@]}" --help 2>/dev/null || true)
  else
    say "# the image is not here: flags that only newer versions know are left out of this line"
  fi
  add_if_known --enable-prompt-tokens-details # tokens that came from the cache, in usage
  add_if_known --enable-per-request-metrics   # the server's own times of a request
  add_if_known --shutdown-timeout "$drain_s"  # running answers may end
  add_if_known --disable-access-log-for-endpoints /health,/metrics
  cmd+=("${extra[@]}")
}

served_name() {
  local i
  for ((i = 0; i < ${#extra[@]}; i++)); do
    case ${extra[i]} in
      --served-model-name=*) echo "${extra[i]#*=}"; return ;;
      --served-model-name) echo "${extra[i + 1]:-$model}"; return ;;
    esac
  done
  echo "$model"
}

# Says what to change, from what the server wrote. The most telling texts come first: one failure causes others.
diagnose() {
  local fits
  seen() { grep -Eiq -- "$1" "$log"; }
  if seen 'address already in use|port is already allocated'; then
    advice "port $port was taken while the server started" "Choose another: --port $((port < 65535 ? port + 1 : 8000))"
  elif seen 'GatedRepoError|gated repo|401 Client Error|403 Client Error|access to model .* is restricted'; then
    advice "the model $model is gated, or the token is not valid" "Ask for access on https://huggingface.co/$model, then start with HF_TOKEN=hf_... in the environment."
  elif seen 'RepositoryNotFoundError|is not a valid model identifier|404 Client Error'; then
    advice "there is no model $model" 'Check the spelling of --model; a private one needs HF_TOKEN.'
  elif seen 'No space left on device'; then
    advice 'the disk is full' 'Make room for the model (gpt-oss-120b: 70 GB), or keep models elsewhere: HF_HOME=/big/disk'
  elif seen 'Free memory on device .* is less than desired'; then
    advice 'other programs use the memory of a GPU' "See who with nvidia-smi and end that, or take less than --memory $memory"
  elif seen 'KV cache is needed|tokens that can be stored in KV cache'; then
    fits=$(grep -Eo 'estimated maximum model length is [0-9]+|stored in KV cache \([0-9]+' "$log" | grep -Eo '[0-9]+' | tail -n 1 || true)
    advice "the conversation length that the model allows does not fit into GPU memory" \
      "Allow shorter ones: --max-model-len ${fits:-32768}" "or give more memory: --memory 0.95 (now $memory), or more GPUs: --tp $((tp * 2))"
  elif seen 'No available memory for the cache blocks'; then
    advice 'the model itself fills the GPU memory, none is left for conversations' \
      "Give more memory: --memory 0.95 (now $memory), more GPUs: --tp $((tp * 2)), or a smaller model."
  elif seen 'out of memory|OutOfMemoryError'; then
    advice 'the GPUs ran out of memory' "Spread the model over more GPUs: --tp $((tp * 2)) (now $tp)," \
      "shorten what is allowed: --max-model-len 32768, leave more room for peaks: --memory 0.85 (now $memory)," \
      'run fewer answers at once: -- --max-num-seqs 32, or use a smaller model. Is the memory free before the start? nvidia-smi'
  elif seen 'divisible by (the )?tensor.parallel'; then
    advice "the model cannot be cut into $tp parts" 'Use --tp 1, 2, 4 or 8.'
  elif seen 'unrecognized arguments|no such option'; then
    advice 'this version of vllm does not know a flag' "$(grep -Ei 'unrecognized arguments|no such option' "$log" | tail -n 1)" 'Change what stands after --, or upgrade vllm.'
  elif seen 'could not select device driver|nvidia-container-cli'; then
    advice 'docker cannot reach the GPUs' 'Install the NVIDIA container toolkit and restart docker.'
  elif seen 'permission denied .*docker|Cannot connect to the Docker daemon'; then
    advice 'docker does not answer' 'Is it running (systemctl status docker), and may you use it (group docker)?'
  elif seen 'driver version is insufficient|driver on your system is too old|no CUDA-capable device|Failed to infer device type'; then
    advice 'vllm cannot use the GPUs with this driver' 'Upgrade the NVIDIA driver, or use an older vllm.'
  elif [[ $1 -eq 137 ]]; then
    advice 'something killed the server' 'Often the kernel, when main memory ran out: dmesg | tail, free -g'
  else
    advice 'no known cause found in its log' 'The last lines say more:'
    tail -n 15 "$log" >&2
  fi
}
advice() { printf '\nstart-vllm: it failed: %s\n' "$1" >&2; printf '            %s\n' "${@:2}" >&2; }

stopping=0
stop() {
  stopping=$((stopping + 1))
  if [[ $stopping -eq 1 ]]; then
    say "stopping: answers in progress have up to $drain_s s (once more: at once)"
    kill -TERM "$pid" 2>/dev/null || true
  else
    if [[ -n $use_docker ]]; then docker kill "start-vllm-$port" >/dev/null 2>&1 || true; fi
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
}

# Waits one second; a signal ends it early.
pause() { sleep 1 & wait $! || true; }
alive() { kill -0 "$pid" 2>/dev/null; }

announce() {
  local shown=$probe
  if [[ $host == 0.0.0.0 || $host == :: ]]; then shown=$(hostname -f 2>/dev/null || hostname); fi
  if [[ $shown == *:* ]]; then shown="[$shown]"; fi
  printf '\n'
  say "ready after $SECONDS s: $model on $tp GPU(s). In the bot's environment:"
  printf '    LLM_BASE_URL=http://%s:%s/v1\n    LLM_MODEL=%s\n' "$shown" "$port" "$(served_name)"
  if [[ -n $api_key ]]; then printf '    LLM_API_KEY=(the key of this server)\n'; fi
  if command -v nvidia-smi >/dev/null; then say "To watch the GPUs: nvidia-smi --query-gpu=index,memory.used,utilization.gpu --format=csv -l 2"; fi
  printf '\n'
}

serve() {
  local tee_pid trimmer status told=0 gave_up=''
  log=$(mktemp "${TMPDIR:-/tmp}/start-vllm.XXXXXX")
  say "starting; log: $log"
  # tee outlives the signals, or the last words of the server would be lost. setsid: a Ctrl-C reaches the server once, through stop.
  exec {out}> >(trap '' INT TERM; exec tee -a "$log")
  tee_pid=$!
  setsid "${cmd[@]}" >&"$out" 2>&1 &
  pid=$!
  exec {out}>&-
  trap stop TERM INT
  while alive; do
    if healthy; then announce; break; fi
    if [[ $SECONDS -ge $wait_s && $stopping -eq 0 ]]; then
      advice "not ready after $wait_s s" 'If it is still downloading the model, allow more: --wait 7200'
      gave_up=1 stopping=1
      kill -TERM "$pid" 2>/dev/null || true
    elif [[ -n $gave_up && $SECONDS -ge $((wait_s + 60)) ]]; then
      stop
    elif [[ $((SECONDS / 60)) -gt $told ]]; then
      told=$((SECONDS / 60))
      say "not ready yet after $told min"
    fi
    pause
  done
  (while sleep 60; do if [[ $(stat -c %s "$log") -gt $keep_log_bytes ]]; then : >"$log"; fi; done) >/dev/null 2>&1 &
  trimmer=$!
  while :; do # a signal ends the wait before the server has
    status=0
    wait "$pid" 2>/dev/null || status=$?
    alive || break
  done
  kill "$trimmer" 2>/dev/null || true
  kill -TERM -- "-$pid" 2>/dev/null || true # a killed server leaves its engine behind, which holds the GPU memory
  for _ in {1..20}; do kill -0 "$tee_pid" 2>/dev/null || break; sleep 0.1; done
  if [[ $stopping -gt 0 && -z $gave_up ]]; then rm -f "$log"; say 'stopped'; exit 0; fi
  if [[ -z $gave_up ]]; then diagnose "$status"; fi
  say "its log: $log" >&2
  if [[ $status -eq 0 || -n $gave_up ]]; then status=1; fi
  exit "$status"
}

choose_runner
if [[ -n $dry_run ]]; then
  build_command
  printf '%q ' "${cmd[@]}"
  printf '\n'
  exit 0
fi
check_port
check_gpus
if [[ -n $api_key ]]; then export VLLM_API_KEY=$api_key; fi # by environment: ps shows arguments
build_command
serve
