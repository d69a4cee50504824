? my $values = shift;
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title><?= $values->{title} ?></title>
<link rel="stylesheet" href="/static/notes.css">
</head>
<body>
<h1><?= $values->{title} ?></h1>
<?= $values->{content} ?></body>
</html>
