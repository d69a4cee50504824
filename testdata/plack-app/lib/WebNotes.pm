package WebNotes;
use v5.36;

our $VERSION = '1.0.0';

use HTTP::Date qw(time2str);
use JSON::MaybeXS ();
use Moo;
use Plack::Request;
use Router::Simple;
use Scalar::Util qw(blessed);
use Try::Tiny;
use Types::Standard qw(InstanceOf);
use WebNotes::Health;
use WebNotes::Store;
use WebNotes::View;

has config => (is => 'ro', isa => InstanceOf ['WebNotes::Config'], required => 1);
has store  => (is => 'lazy', builder => sub ($self) { WebNotes::Store->new(file => $self->config->database) });
has view   => (is => 'lazy', builder => sub ($self) { WebNotes::View->new(config => $self->config) });
has json   => (is => 'lazy', builder => sub { JSON::MaybeXS->new(utf8 => 1, canonical => 1) });
has router => (is => 'lazy');

sub _build_router ($self) {
    my $router = Router::Simple->new;
    $router->connect('/',               {action => 'index'},  {method => 'GET'});
    $router->connect('/health',         {action => 'health'}, {method => 'GET'});
    $router->connect('/report',         {action => 'report'}, {method => 'GET'});
    $router->connect('/notes',          {action => 'list'},   {method => 'GET'});
    $router->connect('/notes',          {action => 'create'}, {method => 'POST'});
    $router->connect('/notes/{id:\d+}', {action => 'show'},   {method => 'GET'});
    return $router;
}

sub to_app ($self) {
    # Templates and routes are read before the server forks.
    $self->view;
    $self->router;
    return sub ($env) { $self->dispatch($env) };
}

sub dispatch ($self, $env) {
    my $match = $self->router->match($env);
    if (!$match) {
        return $self->problem(405, 'method not allowed') if $self->router->method_not_allowed;
        return $self->problem(404, 'no such page');
    }
    my $action = "on_$match->{action}";
    return try { $self->$action(Plack::Request->new($env), $match) }
    catch {
        warn "$env->{REQUEST_METHOD} $env->{PATH_INFO}: $_";
        $self->problem(500, 'internal error');
    };
}

sub on_index ($self, $request, $match) {
    my $html = $self->view->render('index.mt', {notes => [$self->store->recent($self->config->page_size)]});
    return [200, ['Content-Type' => 'text/html; charset=utf-8'], [$html]];
}

sub on_health ($self, $request, $match) {
    return $self->reply(200, WebNotes::Health::report($self->store));
}

# on_report takes its time if it is asked to, and then loads a module that the
# process may never have needed before: so an upgrade can be watched by those that
# began before it.
sub on_report ($self, $request, $match) {
    my $wait = $request->param('wait') // 0;
    return $self->problem(400, 'wait is a number of seconds up to 30') if $wait !~ /^[0-9]{1,2}$/ || $wait > 30;
    sleep $wait if $wait;
    require WebNotes::Report;
    return $self->reply(200, {%{WebNotes::Report->summary([$self->store->recent(100)])}, application => $VERSION});
}

sub on_list ($self, $request, $match) {
    return $self->reply(200, {notes => [map { $_->to_hash } $self->store->recent($self->config->page_size)]});
}

sub on_create ($self, $request, $match) {
    my $input = try { $self->json->decode($request->content) };
    return $self->problem(400, 'the body is no JSON object') if ref $input ne 'HASH';
    my $note = try { $self->store->add($input->%{qw(title body)}) }
    catch {
        die $_ if !(blessed $_ && $_->isa('Error::TypeTiny'));
        undef;
    };
    return $self->problem(422, 'a note needs a title and may have a body, both text') if !$note;
    return $self->reply(201, $note->to_hash, Location => '/notes/' . $note->id);
}

sub on_show ($self, $request, $match) {
    my $note = $self->store->find($match->{id}) or return $self->problem(404, 'no such note');
    return $self->reply(200, $note->to_hash, 'Last-Modified' => time2str($note->created));
}

sub reply ($self, $status, $data, @headers) {
    return [$status, ['Content-Type' => 'application/json', @headers], [$self->json->encode($data)]];
}

sub problem ($self, $status, $message) {
    return $self->reply($status, {error => $message});
}

1;
