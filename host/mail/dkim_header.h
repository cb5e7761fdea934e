/*
 * dkim_header: which fields of a message's header libopendkim gets to see, and how.
 *
 * Of the DKIM-Signature fields those alone that are to be verified: libopendkim reads and
 * canonicalises each one that it knows of, even where it is told to ignore it. Others come along
 * where a verified signature covers them (h=dkim-signature), within bounds. All other fields do.
 * Pure, but for the memory of one field.
 */
#ifndef FRANK_MAIL_DKIM_HEADER_H
#define FRANK_MAIL_DKIM_HEADER_H

#include "base/err.h"
#include "mail/judge.h"

#include <stdbool.h>
#include <stddef.h>

/* libopendkim cuts an h= at DKIM_MAXHEADER and says nothing (dkim_canon_selecthdrs): what stands
 * behind that is not covered, whoever reads the whole of it. */
#define FRANK_DKIM_H_MAX_BYTES 4095
#define FRANK_DKIM_H_NAMES_MAX 512 /* each is sought among all fields */
/* libopendkim copies a signature's field into 64 KiB at most, else no signature is verified. */
#define FRANK_DKIM_FIELD_MAX_BYTES 32768
/* Signatures that are not verified themselves, but covered by others. */
#define FRANK_DKIM_COVERED_MAX       16
#define FRANK_DKIM_COVERED_MAX_BYTES 32768

struct frank_dkim_header {
  const struct frank_judge *judge;
  bool is_wanted[FRANK_MSMR_SIGNATURES_MAX];   /* to be verified, of judge->proofs.signatures */
  const char *whys[FRANK_MSMR_SIGNATURES_MAX]; /* why a bound one is not wanted: it fails; static */
  bool is_covering;                            /* a wanted one covers other signatures */
  size_t cursor;
  char *text; /* of the last field */
  size_t room_bytes;
};

struct frank_dkim_header_field {
  char *text; /* a NUL behind it; CRLF in folds, no line end at the end */
  size_t len_bytes;
  bool is_signature;
  int index; /* of the wanted signature; -1: none */
};

/* Decides which signatures can be verified at all. */
void frank_dkim_header_begin(const struct frank_judge *judge, struct frank_dkim_header *header);
/* The next field to be shown, until *is_end. FRANK_ERR_NOMEM. The field's text stays until the next
 * call. */
FRANK_MUST_CHECK enum frank_err frank_dkim_header_next(struct frank_dkim_header *header,
                                                       struct frank_dkim_header_field *field,
                                                       bool *is_end);
void frank_dkim_header_fini(struct frank_dkim_header *header);

#endif
