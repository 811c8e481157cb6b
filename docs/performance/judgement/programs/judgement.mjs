// The judgement in SQL: node judgement.mjs LINES, with @duckdb/node-api beside it.
// Package docs/performance/judgement says what it judges.
import { DuckDBInstance } from "@duckdb/node-api";

const connection = await (await DuckDBInstance.create(":memory:")).connect();

await connection.run(`
  CREATE MACRO size(q) AS CAST(regexp_extract(q, '^([0-9.]+)', 1) AS DOUBLE) *
    CASE regexp_extract(q, '([A-Za-z]*)$', 1) WHEN '' THEN 1 WHEN 'k' THEN 1e3 WHEN 'M' THEN 1e6
    WHEN 'G' THEN 1e9 WHEN 'T' THEN 1e12 WHEN 'Ki' THEN 1024 WHEN 'Mi' THEN 1048576
    WHEN 'Gi' THEN 1073741824 WHEN 'Ti' THEN 1099511627776 END`);

// With its columns named, nothing else of an object is made.
await connection.run(`
  CREATE TABLE events AS
  SELECT seq, ns, type, object.kind AS kind, object.metadata AS metadata, object.spec AS spec, object.status AS status
  FROM read_json('${process.argv[2].replaceAll("'", "''")}', format = 'newline_delimited', columns = {
    seq: 'BIGINT', ns: 'BIGINT', type: 'VARCHAR', object: 'STRUCT(kind VARCHAR,
      metadata STRUCT("name" VARCHAR, namespace VARCHAR, uid VARCHAR, deletionTimestamp VARCHAR,
        labels STRUCT("cnpg.io/cluster" VARCHAR, "cnpg.io/pvcRole" VARCHAR)),
      spec STRUCT(resources STRUCT(requests STRUCT("storage" VARCHAR)), "storage" JSON),
      status STRUCT(capacity STRUCT("storage" VARCHAR)))'})`);

await connection.run(`
  CREATE TABLE claims AS
  SELECT seq, ns, type, metadata.uid AS uid,
    metadata.namespace || '/' || metadata.labels."cnpg.io/cluster" AS cluster,
    size(spec.resources.requests."storage") AS request, coalesce(size(status.capacity."storage"), 0) AS capacity,
    type = 'deleted' OR metadata.deletionTimestamp IS NOT NULL AS gone,
    lag(request) OVER (PARTITION BY metadata.uid ORDER BY seq) AS was
  FROM events WHERE kind = 'PersistentVolumeClaim' AND metadata.labels."cnpg.io/pvcRole" = 'PG_DATA'`);

const reader = await connection.runAndReadAll(`
  WITH limits AS (
    SELECT metadata.namespace || '/' || metadata."name" AS cluster, seq,
      size(json_extract_string(spec."storage", '$.limit')) AS upper
    FROM events WHERE kind = 'Cluster' AND type <> 'deleted'),
  ends AS (
    SELECT uid, coalesce(min(ns) FILTER (gone), (SELECT max(ns) FROM events)) AS end_ns FROM claims GROUP BY uid),
  rises AS (
    SELECT c.seq, c.ns, c.uid, c.request FROM claims c JOIN ends USING (uid)
    WHERE NOT c.gone AND c.request > c.was AND c.ns + 30000000000 < ends.end_ns)
  SELECT 'above_limit' AS code, c.seq::INTEGER AS seq
  FROM claims c ASOF JOIN limits l ON c.cluster = l.cluster AND c.seq > l.seq
  WHERE NOT c.gone AND c.request > l.upper
    AND (c.request <> c.was OR c.was IS NULL AND c.type = 'added')
  UNION ALL
  SELECT 'shrunk', seq::INTEGER FROM claims WHERE NOT gone AND request < was
  UNION ALL
  SELECT 'late', r.seq::INTEGER FROM rises r WHERE NOT EXISTS (
    SELECT 1 FROM claims c WHERE c.uid = r.uid AND c.seq >= r.seq AND NOT c.gone
      AND c.ns <= r.ns + 30000000000 AND c.capacity >= r.request)`);
console.log(JSON.stringify(reader.getRowObjectsJson()));
