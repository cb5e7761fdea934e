# SpamAssassin plugin: judges MSMR-Key header fields, for the rules in msmr.cf.
#
#     fields -> MSMRJudge -> what the DKIM plugin found of the bound signatures -> mail rules
#
# It gives scores and never more. README.md and msmr.cf say what can be set.
package Mail::SpamAssassin::Plugin::MSMR;

use strict;
use warnings;
use re 'taint';

use File::Basename qw(dirname);

use Mail::SpamAssassin::Conf;
use Mail::SpamAssassin::Logger;
use Mail::SpamAssassin::Plugin;
use Mail::SpamAssassin::Util qw(parse_header_addresses);

require(dirname(__FILE__) . '/MSMRJudge.pm');

our @ISA = qw(Mail::SpamAssassin::Plugin);

my $SAID_MAX = 300;          # characters of a line in the log, and of the tag
my $ADDRESSES_MAX = 1000;    # of signed To: and Cc:
my %RULES = map { $_ => 1 } qw(dkim cover recipient age);

sub new {
  my ($class, $main) = @_;
  my $self = $class->SUPER::new($main);

  bless $self, ref $class || $class;
  $self->register_eval_rule('check_msmr', $Mail::SpamAssassin::Conf::TYPE_HEAD_EVALS);
  $self->register_eval_rule('check_msmr_testing', $Mail::SpamAssassin::Conf::TYPE_HEAD_EVALS);
  $main->{conf}->{parser}->register_commands([
    { setting => 'msmr_factor', default => 1048576, is_admin => 1, code => \&_set_factor },
    { setting => 'msmr_factor_file', default => '', is_admin => 1,
      type => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING },
    { setting => 'msmr_rules', default => join(' ', sort keys %RULES), is_admin => 1,
      code => \&_set_rules },
    { setting => 'msmr_lists', default => '', is_admin => 1,
      type => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING },
    { setting => 'msmr_envelope_header', default => '', is_admin => 1,
      type => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING },
  ]);
  return $self;
}

sub _set_factor {
  my ($conf, $key, $value) = @_;

  return $Mail::SpamAssassin::Conf::INVALID_VALUE
    if $value !~ /\A([0-9]{1,16})\z/ || $1 > $MSMRJudge::FACTOR_MAX;
  $conf->{$key} = 0 + $1;
  return;
}

sub _set_rules {
  my ($conf, $key, $value) = @_;

  for my $rule (split ' ', $value) {
    return $Mail::SpamAssassin::Conf::INVALID_VALUE if !$RULES{$rule} && $rule ne 'none';
  }
  $conf->{$key} = $value;
  return;
}

# header NAME eval:check_msmr('pass'): this is the message's result, and the factor's document does
# not say that it only tests.
sub check_msmr {
  my ($self, $pms, $result) = @_;
  my $best = $self->_judged($pms);

  return 0 if $best->{testing} && $best->{verdict} ne 'none';
  return $best->{verdict} eq $result ? 1 : 0;
}

# True where there is a stamp, and the document says that it only tests.
sub check_msmr_testing {
  my ($self, $pms) = @_;
  my $best = $self->_judged($pms);

  return $best->{testing} && $best->{verdict} ne 'none' ? 1 : 0;
}

# The factor of the file, read again where it has changed.
sub _factor_of_file {
  my ($self, $path, $now_s) = @_;
  my @stat = stat $path;
  my $mark = @stat ? join(' ', @stat[1, 7, 9]) : 'absent';
  my ($text, $factor, $why);

  return $self->{factor} if ($self->{factor_mark} // '') eq "$path $mark";
  $self->{factor_mark} = "$path $mark";
  if (open my $file, '<', $path) {
    binmode $file;
    $why = "$!" if !defined read($file, $text, $MSMRJudge::DOCUMENT_MAX_BYTES + 1);
    close $file;
  } else {
    $why = "$!";
  }
  ($factor, $why) = MSMRJudge::parse_factor($text, 'file') if !defined $why;
  $why = MSMRJudge::may_not_follow($self->{factor}, $factor, $now_s) if $factor;
  if (defined $why) {
    warn "msmr: msmr_factor_file $path: $why; what was known before goes on\n";
  } else {
    $self->{factor} = $factor;
    info("msmr: msmr_factor_file %s: factor %s of %s", $path, @$factor{qw(factor source)});
  }
  return $self->{factor};
}

# The verdict on the message; worked out once.
sub _judged {
  my ($self, $pms) = @_;

  return $pms->{msmr_best} if $pms->{msmr_best};
  my $header = $pms->{msg}->get_pristine_header() // '';
  my @keys = MSMRJudge::fields($header, 'MSMR-Key');
  my $best = MSMRJudge::best([]);
  if (@keys) {
    $best = $self->_judge($pms, $header, \@keys);
    my $said = sprintf '%s (%.2f bits%s%s)%s%s', $best->{verdict}, $best->{bits},
      defined $best->{factor} ? ", factor $best->{factor} of $best->{source}" : '',
      $best->{testing} ? ', testing' : '',
      $best->{signature} ? ' b=' . substr($best->{signature}{b}, 0, 8) : '',
      $best->{why} ne '' ? ": $best->{why}" : '';
    # Mail::DKIM repeats what a stranger has written, line ends too.
    $said =~ tr/ -~/ /cs;
    $said = substr $said, 0, $SAID_MAX;
    info("msmr: %s", $said);
    $pms->set_tag('MSMR', $said);
  }
  return $pms->{msmr_best} = $best;
}

sub _judge {
  my ($self, $pms, $header, $keys) = @_;
  my $conf = $pms->{conf};
  my $now_s = time;
  my $file = $conf->{msmr_factor_file};
  my $factor = MSMRJudge::factor_now($file eq '' ? undef : $self->_factor_of_file($file, $now_s),
    $conf->{msmr_factor}, $now_s);
  my @signatures;
  my @fields = MSMRJudge::fields($header, 'DKIM-Signature');

  splice @fields, $MSMRJudge::FIELDS_MAX if @fields > $MSMRJudge::FIELDS_MAX;
  for my $field (@fields) {
    my ($signature) = MSMRJudge::parse_signature($field);
    push @signatures, $signature if $signature;
    last if @signatures == $MSMRJudge::KEYS_MAX;
  }
  my $candidates = MSMRJudge::bind($keys, \@signatures);
  for my $candidate (@$candidates) {
    MSMRJudge::weigh($candidate, $factor);
    $self->_apply_rules($pms, $header, $candidate, $now_s) if $candidate->{signature};
  }
  my $best = MSMRJudge::best($candidates);
  $best->{testing} = $factor ? $factor->{testing} : 0;
  return $best;
}

# Takes the mail rules into account, for a candidate whose hash is right.
sub _apply_rules {
  my ($self, $pms, $header, $candidate, $now_s) = @_;
  my %asked = map { $_ => 1 } split ' ', $pms->{conf}->{msmr_rules};
  my ($result, $detail) = $asked{dkim} ? $self->_dkim($pms, $candidate->{signature}) : ('pass', '');
  my $why = $result eq 'fail' ? "dkim: $detail"
    : _rule_broken($pms, $header, $candidate->{signature}, \%asked, $now_s);

  # What is against a rule whatever else comes out goes before what is not known now.
  if (defined $why && $candidate->{verdict} ne 'policy') {
    @$candidate{qw(verdict why)} = ('policy', $why);
  } elsif ($result eq 'temperror' && $candidate->{verdict} eq 'pass') {
    @$candidate{qw(verdict why)} = ('temperror', "dkim: $detail");
  }
  return;
}

# What the DKIM plugin found of this very signature: pass, fail or temperror, and why. Several
# fields can share domain and selector; so the whole text counts. Of equal texts all must pass.
sub _dkim {
  my ($self, $pms, $signature) = @_;
  my $plugin = $pms->{conf}->{eval_plugins}->{check_dkim_valid};
  my $bits_min = $pms->{conf}->{dkim_minimum_key_bits} // 0;
  my ($passed, $failed) = (0, undef);
  my $wanted = $signature->{text} =~ tr/ \t\r\n//dr;

  return ('fail', 'the DKIM plugin is not loaded') if !$plugin;
  $plugin->check_dkim_valid($pms, undef);    # sees to it that signatures were verified
  for my $found (@{ $pms->{dkim_signatures} // [] }) {
    next if ref $found ne 'Mail::DKIM::Signature';
    my $text = $found->as_string =~ s/\A[^:]*://r =~ tr/ \t\r\n//dr;
    next if $text ne $wanted;
    my $detail = $found->result_detail // 'no result';
    my $key_bits = $found->{_spamassassin_key_size};
    if (($found->result // '') ne 'pass') {
      return ('temperror', $detail) if $detail =~ /\b(?:timed? ?out|SERVFAIL|temperror)\b/i;
      $failed = $detail;
    } elsif (!$found->check_expiration) {
      $failed = 'the signature has expired';
    } elsif ($bits_min && $key_bits && $key_bits < $bits_min) {
      $failed = "the key has only $key_bits bits";
    } else {
      $passed++;
    }
  }
  return ('fail', $failed) if defined $failed;
  return $passed ? ('pass', '') : ('fail', 'nobody has verified the signature');
}

sub _addresses {
  my ($value) = @_;
  my @addresses;

  for my $entry (parse_header_addresses($value)) {
    my $address = lc($entry->{address} // '');
    $address =~ s/\A"([\w.!#\$%&'*+\/=?^`{|}~-]+)"\@/$1\@/;
    push @addresses, $address if $address =~ /\A[^\@]+\@[^\@]+\z/ || $address =~ /\A".*"\@[^\@]+\z/;
    last if @addresses == $ADDRESSES_MAX;
  }
  return @addresses;
}

# The rules after dkim: undef, or why one does not hold.
sub _rule_broken {
  my ($pms, $header, $signature, $asked, $now_s) = @_;
  my @to = MSMRJudge::fields($header, 'To');

  if ($asked->{cover}) {
    return 'cover: the signature has l=' if $signature->{has_l};
    return 'cover: To: is not signed' if !$signature->{signed}{to};
    return 'cover: not exactly one To:' if @to != 1;
  }
  if ($asked->{recipient}) {
    my $why = _recipient_wrong($pms, $header, $signature, @to);
    return $why if defined $why;
  }
  if ($asked->{age}) {
    my $why = MSMRJudge::age_wrong($signature, $now_s);
    return "age: $why" if defined $why;
  }
  return undef;
}

# SpamAssassin is not told the envelope. Where the mail server writes the recipient into a field, the
# topmost one is its; the rule is not asked where there is none.
sub _recipient_wrong {
  my ($pms, $header, $signature, @to) = @_;
  my $name = $pms->{conf}->{msmr_envelope_header};
  my @envelope = $name eq '' ? () : MSMRJudge::fields($header, $name);
  my @lists = split /[\s,]+/, $pms->{conf}->{msmr_lists};
  my @cc = MSMRJudge::fields($header, 'Cc');
  my %addressed;

  return undef if !@envelope;
  # Where h= names a field n times the n lowest are signed (RFC 6376 section 5.4.2).
  for ([to => @to], [cc => @cc]) {
    my ($field, @values) = @$_;
    my $covered = $signature->{signed}{$field} // 0;
    splice @values, 0, @values - $covered if @values > $covered;
    $addressed{$_} = 1 for map { _addresses($_) } @values;
  }
  my @recipients = _addresses($envelope[0]);
  return 'recipient: of the envelope is no address' if !@recipients;
  for my $recipient (@recipients) {
    next if $addressed{$recipient} || grep { MSMRJudge::address_matches($recipient, $_) } @lists;
    return 'recipient: not in the signed To: or Cc:';
  }
  return undef;
}

1;
