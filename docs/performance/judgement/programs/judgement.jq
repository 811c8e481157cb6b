# The judgement, one pass over a line per event: jq -n -c -f judgement.jq LINES
# Package docs/performance/judgement says what it judges.

def size:
  if . == null then 0
  else capture("^(?<n>[0-9.]+)(?<unit>[A-Za-z]*)$")
    | (.n | tonumber) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
        "Ki": 1024, "Mi": 1048576, "Gi": 1073741824, "Ti": 1099511627776}[.unit]
  end;

# Rises of a claim whose deadline was over at a moment.
def expire($uid; $now):
  .found += [(.claims[$uid].rises // [])[] | select(.deadline < $now) | {code: "late", seq: .seq}]
  | if .claims[$uid] then .claims[$uid].rises |= map(select(.deadline >= $now)) else . end;

def claim($e):
  $e.object.metadata.uid as $uid
  | ($e.object.spec.resources.requests.storage | size) as $request
  | ($e.object.status.capacity.storage | size) as $capacity
  | expire($uid; $e.ns)
  | if $e.type == "deleted" or $e.object.metadata.deletionTimestamp then del(.claims[$uid])
    else .claims[$uid] as $known
    | (.limits[$e.object.metadata.namespace + "/" + $e.object.metadata.labels["cnpg.io/cluster"]] // 0) as $limit
    | if $limit > 0 and $request > $limit
        and (if $known then $request != $known.request else $e.type == "added" end)
      then .found += [{code: "above_limit", seq: $e.seq}] else . end
    | if $known and $request < $known.request then .found += [{code: "shrunk", seq: $e.seq}] else . end
    | (($known.rises // [])
      + (if $known and $request > $known.request
         then [{seq: $e.seq, to: $request, deadline: ($e.ns + 30e9)}] else [] end)) as $rises
    | .claims[$uid] = {request: $request, rises: ($rises | map(select(.to > $capacity)))}
    end;

reduce inputs as $e ({claims: {}, limits: {}, found: [], last: 0};
  .last = $e.ns
  | if $e.object.kind == "PersistentVolumeClaim" then
      if $e.object.metadata.labels["cnpg.io/pvcRole"] == "PG_DATA" then claim($e) else . end
    elif $e.object.kind == "Cluster" and $e.type != "deleted" then
      .limits[$e.object.metadata.namespace + "/" + $e.object.metadata.name] = ($e.object.spec.storage.limit | size)
    else . end)
| .last as $last
| reduce (.claims | keys[]) as $uid (.; expire($uid; $last))
| .found
