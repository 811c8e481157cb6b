// Command lab is a Kubernetes API to try things on: a real kube-apiserver with
// its etcd in one program, ready in about three seconds, in which recorded
// histories of real clusters happen again.
//
//	lab up                        an empty cluster until Ctrl-C; prints its kubeconfig
//	lab replay RECORDING          a history happens in that cluster, at any speed
//	lab demo                      record a replay and judge the recording
//	lab faults                    record under faults, beside other programs, and judge the records
//	lab sizing                    play dynamic sizing beside an operator that has none
//
// The demonstration is the whole of the project in one command: it starts a
// cluster, replays a shipped recording of a real storage operator into it while
// `recorder attach` records what the API server says, and lets `verifier check`
// judge the trace. It uses the user's own kubeconfig for nothing.
//
// Package cluster runs the cluster, package replay writes the history, package
// recordings ships some, package faults makes things go wrong, package sizing plays
// dynamic sizing. The lab is a Go
// module of its own because it links all of Kubernetes: the first build takes some
// minutes, later ones seconds.
package main
