package WebNotes::Health;
use v5.36;

use Config;

# report says which perl and which modules serve the request, so that whoever
# installed the application can see that none of them is the system's.
sub report ($store) {
    return {
        status     => 'ok',
        perl       => "$^V",
        patches    => [Config::local_patches()],
        base       => $ENV{PROJECT_BASE},
        executable => $^X,
        prefix     => $Config{prefix},
        inc        => [grep { !ref } @INC],
        loaded     => {%INC},
        versions   => {map { $_ => $_->VERSION } qw(DBD::SQLite DBI JSON::XS Moo Plack WebNotes)},
        sqlite     => $store->dbh->{sqlite_version},
        json       => JSON::MaybeXS::JSON(),
        pid        => $$,
    };
}

1;
