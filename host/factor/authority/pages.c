#include "factor/authority/pages.h"

#include <stdio.h>
#include <stdlib.h>

const struct frank_authority_page frank_authority_pages[] = {
    {"/", "text/html; charset=utf-8", false},
};
const size_t frank_authority_page_count = 1;
const struct frank_authority_range frank_authority_ranges[] = {{"all", "all", 0}};
const size_t frank_authority_range_count = 1;

enum frank_err frank_authority_page_make(const struct frank_authority_view *view, size_t page,
                                         size_t range, char **text, size_t *len_bytes)
{
  (void)page;
  (void)range;
  int len = asprintf(text, "<!doctype html><title>Scaling factor</title><p>%llu</p>\n",
                     (unsigned long long)view->document.factor);
  *len_bytes = len > 0 ? (size_t)len : 0;
  return len > 0 ? FRANK_OK : FRANK_ERR_NOMEM;
}
