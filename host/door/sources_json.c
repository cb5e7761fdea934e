#include "door/sources_json.h"

#include "base/records.h"

static const char *const dnssec_names[] = {"none", "secure", "bogus"};
#define DNSSEC_COUNT (sizeof dnssec_names / sizeof dnssec_names[0])

const char *frank_dnssec_text(uint32_t dnssec)
{
  return dnssec < DNSSEC_COUNT ? dnssec_names[dnssec] : dnssec_names[0];
}

bool frank_sources_are_sound(const struct frank_status_source *sources, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    const struct frank_status_source *source = &sources[i];
    if (!frank_record_is_text(source->name, sizeof source->name) ||
        !frank_record_is_text(source->kind, sizeof source->kind) ||
        !frank_record_is_text(source->source, sizeof source->source) ||
        !frank_record_is_text(source->why, sizeof source->why) || source->dnssec >= DNSSEC_COUNT) {
      return false;
    }
  }
  return true;
}

static const char *state_of(const struct frank_status_source *source)
{
  return source->in_force ? "in-force" : source->factor > 0 ? "standby" : "unusable";
}

/* A time, or null where there is none. */
static json_t *time_json(int64_t unix_s)
{
  return unix_s > 0 ? json_integer(unix_s) : json_null();
}

static json_t *source_json(const struct frank_status_source *source)
{
  json_t *object = json_pack("{s:s, s:s, s:s, s:b}", "name", source->name, "kind", source->kind,
                             "state", state_of(source), "in_force", source->in_force != 0);
  const struct {
    const char *name;
    json_t *value;
  } members[] = {
      {"factor", source->factor > 0 ? json_integer((json_int_t)source->factor) : json_null()},
      {"source", source->source[0] != '\0' ? json_string(source->source) : json_null()},
      {"issued", time_json(source->issued_s)},
      {"expires", time_json(source->expires_s)},
      {"previous_factor", source->previous_factor > 0
                              ? json_integer((json_int_t)source->previous_factor)
                              : json_null()},
      {"previous_until", time_json(source->previous_until_s)},
      {"confirmed", time_json(source->confirmed_s)},
      {"next", time_json(source->next_s)},
      {"fetches", json_integer((json_int_t)source->fetches)},
      {"failures", json_integer((json_int_t)source->failures)},
      {"kept", json_boolean(source->kept)},
      {"testing", json_boolean(source->testing)},
      {"dnssec", json_string(frank_dnssec_text(source->dnssec))},
      {"why", json_string(source->why)},
  };
  bool ok = object != NULL;
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    ok = json_object_set_new(object, members[i].name, members[i].value) == 0 && ok;
  }
  if (!ok) {
    json_decref(object);
    return NULL;
  }
  return object;
}

json_t *frank_sources_json(const struct frank_status_source *sources, uint32_t count)
{
  json_t *array = json_array();
  for (uint32_t i = 0; i < count; i++) {
    if (json_array_append_new(array, source_json(&sources[i])) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}
