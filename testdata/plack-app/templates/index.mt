? my $values = shift;
? if (!$values->{notes}->@*) {
<p>No notes yet.</p>
? }
<ul>
? for my $note ($values->{notes}->@*) {
<li><a href="/notes/<?= $note->id ?>"><?= $note->title ?></a>
<time><?= $values->{iso_time}->($note->created) ?></time></li>
? }
</ul>
