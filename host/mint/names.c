/* The texts of the enums that people, metrics and the wire see. */
#include "mint/answer.h"
#include "mint/status.h"

#include <stddef.h>

static const char *const result_names[FRANK_RESULT_COUNT] = {
    [FRANK_RESULT_MET] = "met",
    [FRANK_RESULT_BEST] = "best",
    [FRANK_RESULT_DEADLINE] = "deadline",
    [FRANK_RESULT_CANCELLED] = "cancelled",
    [FRANK_RESULT_TOO_HARD] = "too-hard",
    [FRANK_RESULT_BUSY] = "busy",
    [FRANK_RESULT_UNSUPPORTED] = "unsupported",
    [FRANK_RESULT_NO_DEVICE] = "no-device",
    [FRANK_RESULT_SHUTTING_DOWN] = "shutting-down",
    [FRANK_RESULT_ABANDONED] = "abandoned",
    [FRANK_RESULT_INTERNAL] = "internal",
};

static const char *const state_names[FRANK_CHILD_STATE_COUNT] = {
    [FRANK_CHILD_STARTING] = "starting", [FRANK_CHILD_READY] = "ready",
    [FRANK_CHILD_PAUSED] = "paused",     [FRANK_CHILD_QUARANTINED] = "quarantined",
    [FRANK_CHILD_ABSENT] = "absent",
};

static const char *const refusal_codes[FRANK_REFUSAL_COUNT] = {
    [FRANK_REFUSAL_NONE] = "",
    [FRANK_REFUSAL_UNSUPPORTED] = "unsupported",
    [FRANK_REFUSAL_TOO_HARD] = "too-hard",
    [FRANK_REFUSAL_BUSY] = "busy",
    [FRANK_REFUSAL_DEADLINE] = "deadline",
    [FRANK_REFUSAL_CANCELLED] = "cancelled",
    [FRANK_REFUSAL_NO_DEVICE] = "no-device",
    [FRANK_REFUSAL_SHUTTING_DOWN] = "shutting-down",
    [FRANK_REFUSAL_INTERNAL] = "internal",
};

const double frank_status_bucket_s[FRANK_STATUS_BUCKETS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600};

static const char *name_of(const char *const *names, size_t count, size_t i)
{
  return i < count ? names[i] : "unknown";
}

const char *frank_result_name(enum frank_result result)
{
  return name_of(result_names, FRANK_RESULT_COUNT, (size_t)result);
}

const char *frank_child_state_name(enum frank_child_state state)
{
  return name_of(state_names, FRANK_CHILD_STATE_COUNT, (size_t)state);
}

const char *frank_refusal_code(enum frank_refusal refusal)
{
  return name_of(refusal_codes, FRANK_REFUSAL_COUNT, (size_t)refusal);
}
