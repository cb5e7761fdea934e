/* How to use the factor: lines to copy; the keys and documents behind it. */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>

static void put_key(struct frank_page_text *text, const struct frank_jws_key *key)
{
  char in_text[FRANK_JWS_KEY_TEXT_BYTES];
  frank_jws_key_format(key, in_text);
  frank_page_put_escaped(text, in_text);
}

static bool has_address(const struct frank_authority_view *view)
{
  return view->base_url != NULL && view->base_url[0] != '\0';
}

static void put_address(struct frank_page_text *text, const struct frank_authority_view *view)
{
  frank_page_put_escaped(text, has_address(view) ? view->base_url : "ADDRESS");
}

static void put_senders(struct frank_page_text *text, const struct frank_authority_view *view)
{
  frank_page_put(text,
                 "<h3>You send mail</h3>\n"
                 "<p><code>frankd</code>, the daemon that makes stamps, fetches the factor itself, "
                 "believes only what the key below has signed, and follows each change. In "
                 "<code>/etc/frank/frankd.conf</code>:</p>\n<pre><code>factor_url = \"");
  put_address(text, view);
  frank_page_put(text, "\"\nfactor_key = \"");
  put_key(text, &view->key);
  frank_page_put(text, "\"</code></pre>\n<p>or, on its command line:</p>\n"
                       "<pre><code>frankd --factor-url ");
  put_address(text, view);
  frank_page_put(text, " --factor-key ");
  put_key(text, &view->key);
  frank_page_put(
      text, "</code></pre>\n<p>A message gets its stamp in a pipe, after it was signed with "
            "DKIM:</p>\n<pre><code>frank mint --connect ipc:///run/frank/mint.sock --filter "
            "&lt; signed.eml &gt; stamped.eml</code></pre>\n"
            "<p>If there is no stamp to be had, the message comes out as it went in. With Postfix "
            "the milter does that for all mail: <code>frank-milter --mode mint</code>.</p>\n");
}

static void put_receivers(struct frank_page_text *text, const struct frank_authority_view *view)
{
  frank_page_put(text, "<h3>You receive mail</h3>\n"
                       "<p>This checks the stamp of a message against the factor in force, or the "
                       "previous one while that counts:</p>\n"
                       "<pre><code>frank verify --factor-url ");
  put_address(text, view);
  frank_page_put(text, " --factor-key ");
  put_key(text, &view->key);
  frank_page_put(
      text,
      " message.eml</code></pre>\n<p>Tell senders what you expect by a record in your "
      "DNS, where your domain stands in place of <code>example.org</code>. "
      "Change it when the factor changes.</p>\n<pre><code>_msmr.example.org. IN TXT \"v=MSMR1; f=");
  frank_page_putf(text, "%" PRIu64 "\"</code></pre>\n", view->document.factor);
  frank_page_put(text, "<p>The whole record, for a domain that others name as their source, adds "
                       "epoch, address and key:</p>\n"
                       "<pre><code>\"v=MSMR1; f=");
  frank_page_putf(text, "%" PRIu64 "; e=%" PRIu64 "; u=", view->document.factor,
                  view->document.epoch);
  put_address(text, view);
  frank_page_put(text, "; k=");
  put_key(text, &view->key);
  frank_page_put(text, "\"</code></pre>\n");
}

void frank_page_put_guide(struct frank_page_text *text, const struct frank_authority_view *view,
                          size_t range)
{
  (void)range;
  frank_page_put(text, "<section id=\"use\" aria-labelledby=\"use-title\">\n"
                       "<h2 id=\"use-title\">How to use it</h2>\n");
  if (!has_address(view)) {
    frank_page_put(text, "<p>Below, ADDRESS is that of this page.</p>\n");
  }
  put_senders(text, view);
  put_receivers(text, view);
  frank_page_put(text, "</section>\n");
}

static void put_signer(struct frank_page_text *text, const struct frank_jws_key *key)
{
  frank_page_put(text, "<dd><code>");
  put_key(text, key);
  frank_page_put(text, "</code> <small>kid <code>");
  frank_page_put_escaped(text, key->id);
  frank_page_put(text, "</code></small></dd>\n");
}

/* Where the service answers with documents: the spec's paths. */
static const struct {
  const char *path;
  const char *what;
} documents[] = {
    {".well-known/msmr/factor", "the factor, JSON"},
    {".well-known/msmr/factor.jws", "the same, signed (compact JWS, Ed25519)"},
    {".well-known/msmr/keys", "public keys (JWK set)"},
    {".well-known/msmr/keys.jws", "the same, signed by the key in force"},
    {".well-known/msmr/history", "the last 1000 epochs, JSON"},
};

void frank_page_put_keys(struct frank_page_text *text, const struct frank_authority_view *view,
                         size_t range)
{
  (void)range;
  frank_page_put(text, "<section id=\"keys\" aria-labelledby=\"keys-title\">\n"
                       "<h2 id=\"keys-title\">Keys and documents</h2>\n<dl>\n"
                       "<dt>Public key (Ed25519)</dt>\n");
  put_signer(text, &view->key);
  if (view->next_key.id[0] != '\0') {
    frank_page_put(text, "<dt>Next key, signs from ");
    frank_page_put_time(text, view->next_key_s);
    frank_page_put(text, " on</dt>\n");
    put_signer(text, &view->next_key);
  }
  frank_page_put(text, "</dl>\n<ul>\n");
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
    frank_page_putf(text, "<li><a href=\"%s\"><code>%s</code></a>: %s</li>\n", documents[i].path,
                    documents[i].path, documents[i].what);
  }
  frank_page_put(text, "</ul>\n<p>Times in documents are seconds since 1970. Ask as often as "
                       "Cache-Control says, not more often.</p>\n</section>\n");
}
