# Asks the pure part of the SpamAssassin plugin what filters_vectors.py wants to know: perl alone.
# A line in: a verb and hexadecimal fields; a line out.
#     perl filters_probe.pl FOLDER-OF-MSMRJudge.pm
use strict;
use warnings;

require "$ARGV[0]/MSMRJudge.pm";

sub followed {
  my ($now_s, $fixed, @texts) = @_;
  my $last;

  for my $text (@texts) {
    my ($factor) = MSMRJudge::parse_factor($text, 'file');
    $last = $factor if $factor && !defined MSMRJudge::may_not_follow($last, $factor, $now_s);
  }
  my $now = MSMRJudge::factor_now($last, $fixed, $now_s);
  return 'none' if !$now;
  return join ' ', $now->{factor}, $now->{previous} // '-', $now->{testing} ? 'true' : 'false',
    $now->{source};
}

my %verbs = (
  hash => sub { MSMRJudge::hash_of(@_) },
  meets => sub { MSMRJudge::meets(@_) ? 'true' : 'false' },
  bits => sub { sprintf '%.6f', MSMRJudge::bits(@_) },
  judge => sub {
    my ($factor, $key_count, @values) = @_;
    my @keys = splice @values, 0, $key_count;
    my @signatures = map { my ($signature) = MSMRJudge::parse_signature($_); $signature // () }
      @values;
    my $candidates = MSMRJudge::bind(\@keys, \@signatures);
    MSMRJudge::weigh($_, MSMRJudge::factor_now(undef, $factor, 0)) for @$candidates;
    MSMRJudge::best($candidates)->{verdict};
  },
  factor => \&followed,
  age => sub {
    my ($now_s, $value) = @_;
    my ($signature) = MSMRJudge::parse_signature($value);
    MSMRJudge::age_wrong($signature, $now_s) // 'ok';
  },
  match => sub { MSMRJudge::address_matches(@_) ? 'true' : 'false' },
);

$| = 1;
while (my $line = <STDIN>) {
  chomp $line;
  my ($verb, @fields) = map { pack 'H*', $_ } split /\t/, $line, -1;
  print $verbs{$verb}->(@fields), "\n";
}
