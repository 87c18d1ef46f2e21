package metrics

// The instruments that workflows and activities count with, through the SDK.
// Timers are exposed with the suffix _seconds, counters with _total.
const (
	Changes     = "cis_changes"
	Integration = "cis_change_integration_duration"
	Targets     = "cis_target_outcomes"
	Publication = "cis_target_publication_duration"
	Attempt     = "cis_target_attempt_duration"
)

// quickly are the timers of what takes less than minutes.
var quickly = map[string]bool{
	Integration: true, Attempt: true,
	"temporal_request_latency": true, "temporal_long_request_latency": true,
	"temporal_request_latency_attempt": true, "temporal_long_request_latency_attempt": true,
	"temporal_workflow_task_schedule_to_start_latency": true, "temporal_workflow_task_execution_latency": true,
	"temporal_workflow_task_replay_latency":     true,
	"temporal_local_activity_execution_latency": true, "temporal_local_activity_succeed_endtoend_latency": true,
	"temporal_activity_schedule_to_start_latency": true, "temporal_activity_execution_latency": true,
}

// instruments are the help texts of what is counted through the SDK, by the
// instruments' names.
var instruments = map[string]string{
	Changes:     "Changes that were decided on, by the publisher who signed them (several, none) and the result: create, update, noop, delete, or the code of the rejection.",
	Integration: "How long change sets took from the request to being stored or refused, by which of the two. Part of a batch waits for the others.",
	Targets:     "What became of publications to a target: published, parked, retried or skipped by an operator.",
	Publication: "How long targets took to have a change set, from when it was stored.",
	Attempt:     "How long attempts at a publication took, by their outcome: done, retry (will be tried again), parked (given up), handed_back (the worker stopped) or canceled.",

	"temporal_workflow_completed":           "Workflows that completed.",
	"temporal_workflow_canceled":            "Workflows that ended as canceled: parts of batches that were abandoned.",
	"temporal_workflow_failed":              "Workflows that failed: a bug.",
	"temporal_workflow_continue_as_new":     "Workflows that were continued as new ones.",
	"temporal_workflow_endtoend_latency":    "How long workflows took from their start to their end.",
	"temporal_workflow_active_thread_count": "Workflow threads that are held in memory.",

	"temporal_workflow_task_replay_latency":            "How long it took to replay a workflow before it could go on.",
	"temporal_workflow_task_queue_poll_empty":          "Polls for workflow tasks that got none.",
	"temporal_workflow_task_queue_poll_succeed":        "Polls for workflow tasks that got one.",
	"temporal_workflow_task_schedule_to_start_latency": "How long workflow tasks waited for a worker.",
	"temporal_workflow_task_execution_latency":         "How long workflow tasks took.",
	"temporal_workflow_task_execution_failed":          "Workflow tasks that failed: a workflow panicked, or is not as it was recorded.",
	"temporal_workflow_task_no_completion":             "Workflow tasks that were not answered.",
	"temporal_sticky_cache_hit":                        "Workflow tasks whose workflow was in memory.",
	"temporal_sticky_cache_miss":                       "Workflow tasks whose workflow had to be replayed.",
	"temporal_sticky_cache_total_forced_eviction":      "Workflows that were put out of memory to make room.",
	"temporal_sticky_cache_size":                       "Workflows in memory.",
	"temporal_corrupted_signals":                       "Signals that could not be read.",
	"temporal_activity_poll_no_task":                   "Polls for activities that got none.",
	"temporal_activity_schedule_to_start_latency":      "How long activities waited for a worker.",
	"temporal_activity_execution_failed":               "Attempts at activities that failed.",
	"temporal_unregistered_activity_invocation":        "Activities that this worker does not know.",
	"temporal_activity_execution_latency":              "How long attempts at activities took.",
	"temporal_activity_succeed_endtoend_latency":       "How long activities took from when they were scheduled to their success.",
	"temporal_activity_task_error":                     "Activities that panicked or could not be answered.",
	"temporal_local_activity_total":                    "Local activities: steps of integrations.",
	"temporal_local_activity_canceled":                 "Local activities that were canceled (deprecated).",
	"temporal_local_activity_execution_cancelled":      "Local activities that were canceled.",
	"temporal_local_activity_failed":                   "Local activities that failed (deprecated).",
	"temporal_local_activity_execution_failed":         "Local activities that failed.",
	"temporal_local_activity_error":                    "Local activities that panicked.",
	"temporal_local_activity_execution_latency":        "How long local activities took.",
	"temporal_local_activity_succeed_endtoend_latency": "How long local activities took with their retries.",
	"temporal_worker_start":                            "Workers that were started.",
	"temporal_worker_task_slots_available":             "Tasks that a worker could take besides those that it runs.",
	"temporal_worker_task_slots_used":                  "Tasks that a worker runs.",
	"temporal_poller_start":                            "Pollers that were started.",
	"temporal_num_pollers":                             "Pollers that wait for tasks.",
	"temporal_request":                                 "Requests to Temporal.",
	"temporal_request_failure":                         "Requests to Temporal that failed, by the gRPC status.",
	"temporal_request_latency":                         "How long requests to Temporal took.",
	"temporal_request_resource_exhausted":              "Requests that Temporal refused because there were too many.",
	"temporal_long_request":                            "Requests to Temporal that wait for something to happen.",
	"temporal_long_request_failure":                    "Such requests that failed, by the gRPC status.",
	"temporal_long_request_latency":                    "How long such requests took.",
	"temporal_long_request_resource_exhausted":         "Such requests that Temporal refused because there were too many.",
	"temporal_request_attempt":                         "Attempts at requests to Temporal: the SDK repeats some.",
	"temporal_request_failure_attempt":                 "Attempts at requests to Temporal that failed, by the gRPC status.",
	"temporal_request_latency_attempt":                 "How long attempts at requests to Temporal took.",
	"temporal_request_resource_exhausted_attempt":      "Attempts at requests to Temporal that were refused because there were too many.",
	"temporal_long_request_attempt":                    "Attempts at requests to Temporal that wait: the SDK repeats some.",
	"temporal_long_request_failure_attempt":            "Attempts at requests to Temporal that wait that failed, by the gRPC status.",
	"temporal_long_request_latency_attempt":            "How long attempts at requests to Temporal that wait took.",
	"temporal_long_request_resource_exhausted_attempt": "Attempts at requests to Temporal that wait that were refused because there were too many.",
	"temporal_nexus_poll_no_task":                      "Polls for Nexus tasks that got none.",
	"temporal_nexus_task_schedule_to_start_latency":    "How long Nexus tasks waited for a worker.",
	"temporal_nexus_task_execution_failed":             "Nexus tasks that failed.",
	"temporal_nexus_task_execution_latency":            "How long Nexus tasks took.",
	"temporal_nexus_task_endtoend_latency":             "How long Nexus tasks took with their wait.",
}
