# What an MSMR-Key is worth, as far as no mail filter is needed to tell: tag-lists, base64, the hash,
# exact arithmetic, the factor and its document. Pure: nothing of SpamAssassin, no clock, no file.
# Needs Perl's own modules alone, so that it can be tried by itself:
#
#     require './MSMRJudge.pm';
#     my $candidates = MSMRJudge::bind(\@keys, \@signatures);
#     MSMRJudge::weigh($candidates->[0], MSMRJudge::factor_now($factor, $fixed, $now));
#
# Functions that can fail return undef and a text that says why. All input is a stranger's: bytes,
# bounded before anything is done with them.
package MSMRJudge;

use strict;
use warnings;

use B ();
use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Math::BigInt;

our $KEYS_MAX = 8;                     # signatures and keys that are looked at in one message
our $FIELDS_MAX = 64;                  # DKIM-Signature fields that are parsed at all
our $FACTOR_MAX = 9007199254740991;    # 2^53 - 1: exact in JSON
our $DOCUMENT_MAX_BYTES = 16384;
our $HEADER_MAX_BYTES = 1 << 20;
our $AGE_MAX_S = 28 * 86400;
our $AHEAD_MAX_S = 3600;               # of t=
our $FUTURE_MAX_S = 300;               # of a document's "issued"

my $TAGS_MAX = 64;
my $VALUE_MAX_BYTES = 65536;
my %ALGORITHMS = map { $_ => 1 } qw(rsa-sha256 ed25519-sha256);
my %RANKS = (pass => 1, policy => 2, temperror => 3, fail => 4, neutral => 5, permerror => 6,
  none => 7);
my $LIMIT = Math::BigInt->new(2)->bpow(256);

# White space is SP, HTAB, CR, LF and no other: \s takes VT and FF too. The end is found byte by
# byte: a pattern that ends in \z is tried at each run, which is quadratic in a text made for it.
sub _trim {
  my ($text) = @_;

  $text =~ s/\A[ \t\r\n]+//;
  my $end = length $text;
  $end-- while $end > 0 && index(" \t\r\n", substr($text, $end - 1, 1)) >= 0;
  return substr($text, 0, $end);
}

# RFC 6376 section 3.2. A hash of values by name; a tag that stands twice makes it malformed.
sub parse_taglist {
  my ($text) = @_;
  my %tags;
  my $at = 0;

  return (undef, 'tag-list: longer than 64 KiB') if length($text) > $VALUE_MAX_BYTES;
  do {
    pos($text) = $at;
    $text =~ /\G[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)(;?)/g
      or return (undef, 'tag-list: a tag without a name or "="');
    my ($name, $value) = ($1, $2);
    $at = pos $text;
    return (undef, "tag-list: a character that a tag's value cannot have")
      if $value =~ /[^\x21-\x7e \t\r\n]/;
    return (undef, 'tag-list: a tag stands twice') if exists $tags{$name};
    return (undef, 'tag-list: more than 64 tags') if keys %tags == $TAGS_MAX;
    $tags{$name} = _trim($value);
    pos($text) = $at;
  } until $text =~ /\G[ \t\r\n]*\z/;    # past the ';', which may be the last character
  return (\%tags, undef);
}

# b= without white space, where it is usable: canonical base64. (b= is malleable: DKIM verifiers
# take set bits, missing padding and other characters as well.)
sub normalize_b {
  my ($b) = @_;

  $b =~ tr/ \t\r\n//d;
  return (undef, 'b=: not 4 to 2048 characters') if length($b) < 4 || length($b) > 2048;
  return (undef, 'b=: not canonical base64')
    if $b =~ m{[^A-Za-z0-9+/=]} || encode_base64(decode_base64($b), '') ne $b;
  return ($b, undef);
}

# What is read of a DKIM-Signature; undef where it is to be passed over as if it were absent.
sub parse_signature {
  my ($value) = @_;
  my ($tags, $why) = parse_taglist($value);
  my $b;

  return (undef, $why) if !$tags;
  return (undef, 'DKIM-Signature: v= is not 1') if ($tags->{v} // '') ne '1';
  return (undef, 'DKIM-Signature: a= is neither rsa-sha256 nor ed25519-sha256')
    if !$ALGORITHMS{ $tags->{a} // '' };
  ($b, $why) = normalize_b($tags->{b} // '');
  return (undef, $why) if !defined $b;
  my %number = map { $_ => $tags->{$_} =~ /\A[0-9]+\z/ ? 0 + $tags->{$_} : undef }
    grep { exists $tags->{$_} } qw(t x);
  my %signed;    # how often h= names a field
  $signed{ lc _trim($_) }++ for split /:/, $tags->{h} // '';
  return ({
    a => $tags->{a}, b => $b, d => $tags->{d}, s => $tags->{s}, signed => \%signed,
    has_l => exists $tags->{l}, t => $number{t}, x => $number{x}, text => $value,
  }, undef);
}

# An MSMR-Key's value. On an error undef, the verdict ('permerror' or 'neutral') and why.
sub parse_key {
  my ($value) = @_;
  my ($tags, $why) = parse_taglist($value);

  return (undef, 'permerror', $why) if !$tags;
  # The proposal's own example has no ';' between n= and h=.
  if (($tags->{n} // '') =~ /\A([0-9A-Fa-f]+)[ \t\r\n]+h=([0-9A-Fa-f]+)\z/) {
    my ($n, $h) = ($1, $2);
    return (undef, 'permerror', 'MSMR-Key: h= stands twice') if exists $tags->{h};
    @$tags{qw(n h)} = ($n, $h);
  }
  return (undef, 'permerror', 'MSMR-Key: no v=') if !exists $tags->{v};
  return (undef, 'neutral', 'MSMR-Key: v= is a version that is not ours') if $tags->{v} ne '1';
  return (undef, 'permerror', 'MSMR-Key: no a=') if !exists $tags->{a};
  return (undef, 'neutral', 'MSMR-Key: a= is an algorithm that is not ours')
    if !$ALGORITHMS{ $tags->{a} };
  return (undef, 'permerror', 'MSMR-Key: n= is not 1 to 64 hexadecimal digits')
    if ($tags->{n} // '') !~ /\A[0-9A-Fa-f]{1,64}\z/;
  return (undef, 'permerror', 'MSMR-Key: h= is not 64 hexadecimal digits')
    if ($tags->{h} // '') !~ /\A[0-9A-Fa-f]{64}\z/;
  return ({ a => $tags->{a}, n => $tags->{n}, h => lc $tags->{h} }, undef, undef);
}

sub hash_of {
  my ($n, $b) = @_;
  return sha256_hex($n . $b);
}

# True where h (64 hexadecimal digits) times factor is below 2^256, exactly.
sub meets {
  my ($h, $factor) = @_;
  return Math::BigInt->from_hex($h)->bmul($factor)->bcmp($LIMIT) < 0 ? 1 : 0;
}

# The work that a hash shows, in bits: for people, not for decisions.
sub bits {
  my ($h) = @_;
  my ($zeros, $digits) = $h =~ /\A(0*)([0-9a-f]*)\z/;

  return 256 if $digits eq '';
  my $top = substr($digits . '0' x 12, 0, 12);
  my $value = hex(substr $top, 0, 6) * 2**24 + hex substr $top, 6;    # hex() warns above 32 bits
  return 256 - 4 * (64 - length($zeros) - 12) - log($value) / log(2);
}

# One candidate for each of the first keys: keys are field values, signatures what parse_signature
# gave, from the top. Verdict 'bound' where a signature gives the hash; it is still to be weighed.
sub bind {
  my ($keys, $signatures) = @_;
  my @candidates;

  for my $value (@$keys) {
    last if @candidates == $KEYS_MAX;
    my ($key, $verdict, $why) = parse_key($value);
    my $candidate = { key => $key, verdict => $verdict, why => $why, bits => 0 };
    push @candidates, $candidate;
    next if !$key;
    $candidate->{verdict} = 'fail';
    $candidate->{why} = @$signatures ? 'no usable DKIM-Signature gives this hash'
      : 'no usable DKIM-Signature';
    for my $j (0 .. ($#$signatures < $KEYS_MAX ? $#$signatures : $KEYS_MAX - 1)) {
      my $signature = $signatures->[$j];
      next if $signature->{a} ne $key->{a} || hash_of($key->{n}, $signature->{b}) ne $key->{h};
      @$candidate{qw(verdict why signature bits)} = ('bound', '', $signature, bits($key->{h}));
      last;
    }
  }
  return \@candidates;
}

# Turns 'bound' into pass, policy or temperror, by what factor_now gave (undef: none to be had).
sub weigh {
  my ($candidate, $now) = @_;

  return if $candidate->{verdict} ne 'bound';
  if (!$now) {
    @$candidate{qw(verdict why)} = ('temperror', 'the factor cannot be had now');
    return;
  }
  @$candidate{qw(verdict factor source)} = ('pass', @$now{qw(factor source)});
  my $h = $candidate->{key}{h};
  return if meets($h, $now->{factor});
  if (defined $now->{previous} && meets($h, $now->{previous})) {
    @$candidate{qw(factor source)} = @$now{qw(previous previous_source)};
    return;
  }
  @$candidate{qw(verdict why)} = ('policy', 'the factor is not met');
  return;
}

# The best result counts; of equal ones that which shows more work, then the upper one.
sub best {
  my ($candidates) = @_;
  my $best = { verdict => 'none', why => 'no MSMR-Key', bits => 0 };

  for my $candidate (@$candidates) {
    my $order = $RANKS{ $candidate->{verdict} } <=> $RANKS{ $best->{verdict} };
    $best = $candidate if $order < 0 || ($order == 0 && $candidate->{bits} > $best->{bits});
  }
  return $best;
}

# A JSON integer, neither a text of digits nor 1e3.
sub _is_integer {
  my ($value) = @_;
  return !ref $value && (B::svref_2object(\$value)->FLAGS & B::SVf_IOK);
}

sub _whole {
  my ($value, $low, $high) = @_;
  return _is_integer($value) && $value =~ /\A(?:0|[1-9][0-9]{0,15})\z/ &&
    $value >= $low && $value <= $high;
}

# The members of a document that a verifier needs, each checked for its type and range.
sub _check_document {
  my ($json) = @_;
  my ($issuer, $previous) = @$json{qw(issuer previous)};

  return (undef, 'v is not 1') if !_whole($json->{v}, 1, 1);
  return (undef, 'issuer is no name')
    if !defined $issuer || ref $issuer || $issuer !~ /\A[!-~]{1,78}\z/ || $issuer =~ /["\\#]/;
  return (undef, 'kind is none of authority, provider, local')
    if ref $json->{kind} || ($json->{kind} // '') !~ /\A(?:authority|provider|local)\z/;
  for my $name (qw(epoch issued expires factor)) {
    return (undef, "$name is not a whole number from 1 to 2^53-1")
      if !_whole($json->{$name}, $name eq 'issued' ? 0 : 1, $FACTOR_MAX);
  }
  return (undef, 'expires is not after issued') if $json->{expires} <= $json->{issued};
  return (undef, 'mode is not a text')
    if exists $json->{mode} && (ref $json->{mode} || _is_integer($json->{mode}) ||
    !defined $json->{mode});
  my %document = (is_document => 1, issuer => $issuer,
    (map { $_ => 0 + $json->{$_} } qw(epoch issued expires factor)),
    testing => ($json->{mode} // '') eq 'testing' ? 1 : 0, source => "$issuer#$json->{epoch}");
  if (exists $json->{previous}) {
    return (undef, 'previous has no epoch below, factor or until')
      if ref $previous ne 'HASH' || !_whole($previous->{epoch}, 1, $json->{epoch} - 1) ||
      !_whole($previous->{factor}, 1, $FACTOR_MAX) || !_whole($previous->{until}, 0, $FACTOR_MAX);
    @document{qw(previous previous_until previous_source)} =
      (0 + $previous->{factor}, 0 + $previous->{until}, "$issuer#$previous->{epoch}");
  }
  return (\%document, undef);
}

# What `frank factor --json` prints: the source in force, as the document that it was; or, where that
# was none (a file, DNS), its factor and name.
sub _read_record {
  my ($json) = @_;

  for my $source (@{ $json->{sources} }) {
    next if ref $source ne 'HASH' || !$source->{in_force} ||
      !_whole($source->{epoch}, 1, $FACTOR_MAX);
    my %document = (v => 1, kind => $source->{published_as},
      map { $_ => $source->{$_} } qw(issuer epoch issued expires factor));
    $document{mode} = 'testing' if $source->{testing};
    $document{previous} = { epoch => $source->{epoch} - 1, factor => $source->{previous_factor},
      until => $source->{previous_until} } if defined $source->{previous_factor};
    return _check_document(\%document);
  }
  return (undef, 'a record without factor and source')
    if !_whole($json->{factor}, 1, $FACTOR_MAX) || ref $json->{source} ||
    ($json->{source} // '') !~ /\A[!-~]{1,95}\z/;
  return ({ factor => 0 + $json->{factor}, source => $json->{source} }, undef);
}

# A factor as an operator or an authority gives it: a number alone, the JSON document, or what
# `frank factor --json` prints.
sub parse_factor {
  my ($text, $source) = @_;

  return (undef, 'longer than 16 KiB') if length($text) > $DOCUMENT_MAX_BYTES;
  $text = _trim($text);
  if ($text =~ /\A[0-9]+\z/) {
    $text =~ s/\A0+(?=[0-9])//;
    return (undef, 'the number is not from 1 to 2^53-1')
      if length($text) > 16 || $text < 1 || $text > $FACTOR_MAX;
    return ({ factor => 0 + $text, source => $source }, undef);
  }
  return (undef, 'neither a number nor a factor document') if $text !~ /\A\{/;
  # perl takes 1e3 for the integer 1000; the others who read documents do not.
  return (undef, 'a whole number that is not written as one')
    if $text =~ /"(?:v|epoch|issued|expires|factor|until)"[ \t\r\n]*:[ \t\r\n]*-?[0-9]+[.eE]/;
  my $json = eval { JSON::PP->new->max_depth(8)->decode($text) };
  return (undef, 'not JSON') if ref $json ne 'HASH';
  return _read_record($json) if !exists $json->{v} && ref $json->{sources} eq 'ARRAY';
  return _check_document($json);
}

# Whether `new` may take the place of `last` (undef: there is none): undef, or why not.
sub may_not_follow {
  my ($last, $new, $now_s) = @_;

  return undef if !$new->{is_document};
  return 'issued in the future' if $new->{issued} > $now_s + $FUTURE_MAX_S;
  return 'expired' if $new->{expires} <= $now_s;
  return undef if !$last || !$last->{is_document} || $last->{expires} <= $now_s;
  return 'another issuer than before' if $new->{issuer} ne $last->{issuer};
  return 'its epoch goes back, or has another factor than before'
    if $new->{epoch} < $last->{epoch} ||
    ($new->{epoch} == $last->{epoch} && $new->{factor} != $last->{factor});
  return undef;
}

# What a stamp must meet at now_s: the factor of the file while it has not expired, else the fixed
# one (undef or 0: none). undef where there is none.
sub factor_now {
  my ($from_file, $fixed, $now_s) = @_;

  if ($from_file && !($from_file->{is_document} && $from_file->{expires} <= $now_s)) {
    my $in_time = defined $from_file->{previous} && $now_s < $from_file->{previous_until};
    return { factor => $from_file->{factor}, source => $from_file->{source},
      testing => $from_file->{testing} // 0, previous => $in_time ? $from_file->{previous} : undef,
      previous_source => $from_file->{previous_source} };
  }
  return { factor => $fixed, source => 'config', testing => 0 } if $fixed;
  return undef;
}

# Rule age: undef where t= and x= are in order, else why not.
sub age_wrong {
  my ($signature, $now_s) = @_;
  my ($t, $x) = @$signature{qw(t x)};

  return 'signed more than 28 days ago' if defined $t && $t < $now_s - $AGE_MAX_S;
  return 'signed more than an hour ahead' if defined $t && $t > $now_s + $AHEAD_MAX_S;
  return 'the signature has expired' if defined $x && $x < $now_s;
  return undef;
}

# True where a pattern names the address: all of it, its domain, or a domain below ("*.example").
sub address_matches {
  my ($address, $pattern) = @_;
  my ($domain) = $address =~ /\@([^@]*)\z/;

  $pattern = lc $pattern;
  return $address eq $pattern if $pattern =~ /\A.+\@/;
  return 0 if !defined $domain;
  if ($pattern =~ s/\A\*(?=\.)//) {
    return length($domain) > length($pattern) && substr($domain, -length $pattern) eq $pattern;
  }
  $pattern =~ s/\A\@//;
  return $domain eq $pattern;
}

# The values of a header's fields of one name, from the top, folds kept, without the last line end.
sub fields {
  my ($header, $name) = @_;
  my @values;

  return () if length($header) > $HEADER_MAX_BYTES;
  for my $field (split /\n(?![ \t])/, $header) {
    next if $field !~ /\A([!-9;-~]+)[ \t]*:(.*)\z/s || lc $1 ne lc $name;
    push @values, $2;
    $values[-1] =~ s/\r\z//;
  }
  return @values;
}

1;
