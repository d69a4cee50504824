package WebNotes::Config;
use v5.36;

use JSON::MaybeXS qw(decode_json);
use Moo;
use Path::Tiny qw(path);
use Types::Common::Numeric qw(PositiveInt);
use Types::Standard qw(InstanceOf Str);

# Where the application is: the checkout, or the folder into which a package
# put it.
has base      => (is => 'ro', isa => InstanceOf ['Path::Tiny'], required => 1);
has database  => (is => 'ro', isa => InstanceOf ['Path::Tiny'], required => 1);
has title     => (is => 'ro', isa => Str,                       required => 1);
has page_size => (is => 'ro', isa => PositiveInt,               required => 1);

# load reads config/notes.json. PROJECT_BASE and NOTES_DB come from the
# environment.
sub load ($class, %env) {
    %env = (%ENV, %env);
    my $base = path($env{PROJECT_BASE} // path(__FILE__)->parent(3))->absolute;
    my $file = decode_json($base->child('config/notes.json')->slurp_raw);
    return $class->new(
        $file->%*,
        base     => $base,
        database => path($env{NOTES_DB} // $base->child('var/notes.db')),
    );
}

1;
