package WebNotes::Note;
use v5.36;

use Moo;
use Types::Common::Numeric qw(PositiveInt PositiveOrZeroInt);
use Types::Common::String qw(NonEmptyStr);
use Types::Standard qw(Maybe Str);

has id      => (is => 'ro', isa => PositiveInt);
has title   => (is => 'ro', isa => NonEmptyStr, required => 1);
has body    => (is => 'ro', isa => Str, required => 1);
has created => (is => 'ro', isa => PositiveInt, required => 1);

# The number of different words; undef until the worker has counted them.
has words => (is => 'ro', isa => Maybe [PositiveOrZeroInt]);

sub to_hash ($self) {
    my %hash = map { $_ => $self->$_ } qw(title body);
    # Numbers in SQLite, numbers in JSON.
    $hash{$_} = defined $self->$_ ? 0 + $self->$_ : undef for qw(id created words);
    return \%hash;
}

1;
