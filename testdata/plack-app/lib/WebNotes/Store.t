use v5.36;

use FindBin;
use lib "$FindBin::Bin/..";

use Path::Tiny;
use Test::Fatal;
use Test::More;
use WebNotes::Store;

my $dir   = Path::Tiny->tempdir;
my $store = WebNotes::Store->new(file => $dir->child('notes.db'));

is $store->find(1), undef, 'an empty table';
isa_ok exception { $store->add(title => '') }, 'Error::TypeTiny', 'what comes of an empty title';

$store->add(title => $_, body => 'One two, one TWO three') for qw(a b c);
is_deeply [map { $_->title } $store->recent(2)], ['c', 'b'], 'newest first';

is $store->count_words, 3;
is $store->count_words, 0, 'nothing is left';
is $store->find(1)->words, 3, 'different words, without regard to case';

done_testing;
