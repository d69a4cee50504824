package WebNotes::Report;
use v5.36;

our $VERSION = '1.0.0';

use List::Util qw(max sum0);
use Text::Wrap qw(wrap);

# summary says in words what there is of notes. The server loads this module when
# somebody asks for the first time.
sub summary ($class, $notes) {
    my $words = [map { $_->words // () } $notes->@*];
    local $Text::Wrap::columns = 60;
    return {
        version => $VERSION,
        file    => __FILE__,
        text    => wrap('', '', sprintf(
            'The newest %d notes have %d words together; the longest has %d.',
            scalar $notes->@*, sum0($words->@*), max(0, $words->@*),
        )),
    };
}

1;
