// Package temporal runs a Temporal server and its web UI inside this process,
// on one SQLite file. It is for development: one shard, no replication, no
// authorization, and nothing listens beyond loopback.
package temporal
