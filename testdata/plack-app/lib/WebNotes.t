use v5.36;

use FindBin;
use lib $FindBin::Bin;

use HTTP::Request::Common qw(GET POST);
use JSON::MaybeXS qw(decode_json encode_json);
use Path::Tiny;
use Plack::Test;
use Plack::Util;
use Test::More;

my $dir = Path::Tiny->tempdir;
local $ENV{PROJECT_BASE} = path($FindBin::Bin)->parent->stringify;
local $ENV{NOTES_DB}     = $dir->child('deep/notes.db')->stringify;
my $test = Plack::Test->create(Plack::Util::load_psgi("$ENV{PROJECT_BASE}/app.psgi"));

subtest 'a note is stored and read' => sub {
    my $title   = "Gr\x{fc}\x{df}e & <b>";
    my $created = $test->request(POST '/notes', Content => encode_json({title => $title, body => "a b\na"}));
    is $created->code, 201;
    my $note = decode_json($test->request(GET $created->header('Location'))->content);
    is $note->{title}, $title;
    is $note->{words}, undef, 'nobody has counted yet';

    my $page = $test->request(GET '/');
    is $page->code, 200;
    like $page->decoded_content, qr{Gr\x{fc}\x{df}e &amp; &lt;b&gt;</a>}, 'the page escapes what it shows';
    is scalar decode_json($test->request(GET '/notes')->content)->{notes}->@*, 1;
};

subtest 'what is no note is refused' => sub {
    for my $case ([400, 'no JSON'], [400, '[]'], [422, '{}'], [422, '{"title":""}'], [422, '{"title":["x"]}'], [422, '{"title":"x","body":{}}']) {
        my ($status, $body) = $case->@*;
        is $test->request(POST '/notes', Content => $body)->code, $status, $body;
    }
    is $test->request(GET '/notes/99')->code,  404;
    is $test->request(GET '/nowhere')->code,   404;
    is $test->request(POST '/health')->code,   405;
};

subtest 'the report' => sub {
    is decode_json($test->request(GET '/report')->content)->{version}, WebNotes->VERSION;
    is $test->request(GET '/report?wait=long')->code, 400;
};

subtest 'the rest' => sub {
    is decode_json($test->request(GET '/health')->content)->{perl}, "$^V";
    is $test->request(GET '/static/notes.css')->content_type, 'text/css';
};

done_testing;
