package WebNotes::Store;
use v5.36;

use DBD::SQLite::Constants qw(DBD_SQLITE_STRING_MODE_UNICODE_STRICT);
use DBI;
use List::MoreUtils qw(uniq);
use Moo;
use Types::Standard qw(InstanceOf);
use WebNotes::Note;

has file => (is => 'ro', isa => InstanceOf ['Path::Tiny'], required => 1);
has _handles => (is => 'ro', default => sub { {} });

# A handle must not cross a fork, so each process has its own.
sub dbh ($self) {
    return $self->_handles->{$$} //= $self->_connect;
}

sub _connect ($self) {
    $self->file->parent->mkdir;
    my $dbh = DBI->connect(
        'dbi:SQLite:dbname=' . $self->file,
        '', '',
        {
            AutoCommit         => 1,
            PrintError         => 0,
            RaiseError         => 1,
            AutoInactiveDestroy => 1,
            sqlite_string_mode => DBD_SQLITE_STRING_MODE_UNICODE_STRICT,
        },
    );
    $dbh->do(<<~'SQL');
        CREATE TABLE IF NOT EXISTS notes (
            id      INTEGER PRIMARY KEY,
            title   TEXT NOT NULL,
            body    TEXT NOT NULL,
            words   INTEGER,
            created INTEGER NOT NULL
        )
        SQL
    return $dbh;
}

# add stores a note and returns it. It dies if title or body is no text.
sub add ($self, %fields) {
    my $note = WebNotes::Note->new(title => $fields{title}, body => $fields{body} // '', created => time);
    $self->dbh->do('INSERT INTO notes (title, body, created) VALUES (?, ?, ?)', undef, $note->title, $note->body, $note->created);
    return $self->find($self->dbh->sqlite_last_insert_rowid);
}

# find returns the note with that id, or undef.
sub find ($self, $id) {
    my $row = $self->dbh->selectrow_hashref('SELECT * FROM notes WHERE id = ?', undef, $id) or return undef;
    return WebNotes::Note->new($row);
}

# recent returns the newest notes first.
sub recent ($self, $limit) {
    my $rows = $self->dbh->selectall_arrayref('SELECT * FROM notes ORDER BY id DESC LIMIT ?', {Slice => {}}, $limit);
    return map { WebNotes::Note->new($_) } $rows->@*;
}

# count_words fills in the missing numbers of words and returns how many notes
# it did.
sub count_words ($self) {
    my $rows = $self->dbh->selectall_arrayref('SELECT id, body FROM notes WHERE words IS NULL', {Slice => {}});
    for my $row ($rows->@*) {
        my $words = uniq map { lc } $row->{body} =~ /\w+/g;
        $self->dbh->do('UPDATE notes SET words = ? WHERE id = ?', undef, $words, $row->{id});
    }
    return scalar $rows->@*;
}

1;
