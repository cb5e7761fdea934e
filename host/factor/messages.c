#include "factor/messages.h"

#include "proof/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void frank_resolver_source_name(const struct frank_resolver_source *source,
                                char out[FRANK_FACTOR_SOURCE_BYTES])
{
  if (source->dns_only != 0) {
    (void)snprintf(out, FRANK_FACTOR_SOURCE_BYTES, "dns:%.*s", FRANK_FACTOR_ISSUER_BYTES - 1,
                   source->document.issuer);
  } else {
    frank_factor_document_source(&source->document, out);
  }
}

/* As frank_factor_document_parse takes it. */
static bool document_is_sound(const struct frank_factor_document *document)
{
  return frank_record_is_text(document->issuer, sizeof document->issuer) &&
         document->issuer[0] != '\0' && strlen(document->issuer) < FRANK_FACTOR_ISSUER_BYTES &&
         strpbrk(document->issuer, " \"\\#") == NULL && document->kind < FRANK_FACTOR_KIND_COUNT &&
         document->factor >= 1 && document->factor <= FRANK_FACTOR_MAX && document->epoch >= 1 &&
         document->epoch <= FRANK_FACTOR_MAX && document->expires_s > document->issued_s;
}

static bool previous_is_sound(const struct frank_factor_document *document)
{
  return document->has_previous == 0 ||
         (document->previous_epoch < document->epoch && document->previous_factor >= 1 &&
          document->previous_factor <= FRANK_FACTOR_MAX);
}

bool frank_resolver_source_is_sound(const struct frank_resolver_source *source)
{
  return frank_record_is_text(source->key_id, sizeof source->key_id) &&
         frank_record_is_text(source->url, sizeof source->url) &&
         frank_record_is_text(source->why, sizeof source->why) &&
         source->dnssec < FRANK_DNSSEC_COUNT &&
         (source->has_document == 0 ||
          (document_is_sound(&source->document) && previous_is_sound(&source->document)));
}

bool frank_resolver_domain_is_sound(const struct frank_resolver_domain *domain)
{
  char name[FRANK_TXT_DOMAIN_BYTES];
  return frank_record_is_text(domain->domain, sizeof domain->domain) &&
         frank_record_is_text(domain->why, sizeof domain->why) &&
         frank_txt_domain(domain->domain, strlen(domain->domain), name) == FRANK_OK &&
         strcmp(name, domain->domain) == 0 && domain->answer < FRANK_RESOLVER_ANSWER_COUNT &&
         domain->dnssec < FRANK_DNSSEC_COUNT &&
         (domain->answer != FRANK_RESOLVER_FOUND ||
          (domain->factor >= 1 && domain->factor <= FRANK_FACTOR_MAX));
}

bool frank_resolver_server_is_sound(const char *text)
{
  char address[INET6_ADDRSTRLEN];
  struct in6_addr binary;
  size_t len = strcspn(text, "@");
  const char *port = text[len] == '@' ? text + len + 1 : "53";
  size_t digits = strspn(port, "0123456789");
  bool port_fits = digits >= 1 && digits <= 5 && port[digits] == '\0' &&
                   strtoul(port, NULL, 10) >= 1 && strtoul(port, NULL, 10) <= UINT16_MAX;
  if (len >= sizeof address || !port_fits) {
    return false;
  }
  memcpy(address, text, len);
  address[len] = '\0';
  return inet_pton(AF_INET, address, &binary) == 1 || inet_pton(AF_INET6, address, &binary) == 1;
}
