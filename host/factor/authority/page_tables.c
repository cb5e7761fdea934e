/* The history for programs: CSV and JSON, all epochs, oldest first. */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>

void frank_page_csv(struct frank_page_text *text, const struct frank_authority_view *view,
                    size_t range)
{
  (void)range;
  frank_page_put(text, "epoch,factor,bits,issued,issued_utc,reason\r\n");
  for (size_t i = 0; i < view->history_count; i++) {
    const struct frank_authority_epoch *epoch = &view->history[i];
    frank_page_putf(text, "%" PRIu64 ",%" PRIu64 ",%s,%" PRId64 ",%s,", epoch->epoch, epoch->factor,
                    frank_page_bits(epoch->factor, true, FRANK_PAGE_BUFFER), epoch->issued_s,
                    frank_page_time_iso(epoch->issued_s, FRANK_PAGE_BUFFER));
    frank_page_put_csv(text, epoch->reason);
    frank_page_put(text, "\r\n");
  }
}

void frank_page_json(struct frank_page_text *text, const struct frank_authority_view *view,
                     size_t range)
{
  (void)range;
  frank_page_put(text, "{\"v\":1,\"issuer\":");
  frank_page_put_json(text, view->document.issuer);
  frank_page_put(text, ",\"kind\":");
  frank_page_put_json(text, frank_factor_kind_name((enum frank_factor_kind)view->document.kind));
  frank_page_put(text, ",\"epochs\":[");
  for (size_t i = 0; i < view->history_count; i++) {
    const struct frank_authority_epoch *epoch = &view->history[i];
    frank_page_putf(text,
                    "%s\n{\"epoch\":%" PRIu64 ",\"factor\":%" PRIu64
                    ",\"bits\":%s,\"issued\":%" PRId64 ",\"reason\":",
                    i == 0 ? "" : ",", epoch->epoch, epoch->factor,
                    frank_page_bits(epoch->factor, true, FRANK_PAGE_BUFFER), epoch->issued_s);
    frank_page_put_json(text, epoch->reason);
    frank_page_put(text, "}");
  }
  frank_page_put(text, "]}\n");
}
