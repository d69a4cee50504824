use v5.36;

use Plack::Builder;
use WebNotes;
use WebNotes::Config;

my $config = WebNotes::Config->load;

builder {
    enable 'ReverseProxy';
    enable 'Static', path => qr{^/static/}, root => $config->base->child('public')->stringify;
    WebNotes->new(config => $config)->to_app;
};
