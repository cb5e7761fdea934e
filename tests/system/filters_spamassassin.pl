# SpamAssassin as a mail filter uses it, in one process for many messages.
#     perl filters_spamassassin.pl CONFIG-FOLDER
# In: lines with a length in bytes, then the message. Out, a line for each: the rules that hit with
# their scores, a tab, what the plugin says in its tag.
use strict;
use warnings;

use Mail::SpamAssassin;

my ($folder) = @ARGV;
my $filter = Mail::SpamAssassin->new({
  rules_filename => '/usr/share/spamassassin', site_rules_filename => $folder,
  userprefs_filename => "$folder/prefs", dont_copy_prefs => 1, userstate_dir => $folder,
});

$filter->init(1);
$| = 1;
while (my $length = <STDIN>) {
  read(STDIN, my $text, $length) == $length or die "cut short\n";
  my $mail = $filter->parse($text);
  my $status = $filter->check($mail);
  my @hits = map { "$_=$status->{conf}{scores}{$_}" } split /,/, $status->get_names_of_tests_hit();
  my $said = $status->get_tag('MSMR') // '';
  print join(' ', @hits), "\t$said\n";
  $status->finish;
  $mail->finish;
}
