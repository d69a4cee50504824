package WebNotes::View;
use v5.36;

use Encode qw(encode_utf8);
use HTTP::Date qw(time2iso);
use Moo;
use Text::MicroTemplate::File;
use Types::Standard qw(InstanceOf);

has config => (is => 'ro', isa => InstanceOf ['WebNotes::Config'], required => 1);

has _engine => (
    is      => 'lazy',
    builder => sub ($self) {
        Text::MicroTemplate::File->new(
            include_path => [$self->config->base->child('templates')->stringify],
            use_cache    => 2,
        );
    },
);

# render returns the bytes of a page.
sub render ($self, $template, $values) {
    my %values  = (title => $self->config->title, iso_time => \&time2iso, $values->%*);
    my $content = $self->_engine->render_file($template, \%values);
    return encode_utf8($self->_engine->render_file('layout.mt', {%values, content => $content})->as_string);
}

1;
