#!/usr/bin/env perl

# Reads the mails of a folder with Perl's MIME::Parser, Mail::Address and
# MIME::EncWords and prints what it saw as JSON.
#
# Usage: read.pl FOLDER

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Encode ();
use File::Basename qw(basename);
use JSON::PP ();
use Mail::Address;
use MIME::Base64 qw(encode_base64);
use MIME::EncWords qw(decode_mimewords);
use MIME::Parser;

my %addresses = (From => 'From', Sender => 'Sender', ReplyTo => 'Reply-To', To => 'To', Cc => 'Cc', Bcc => 'Bcc');
my @fields = qw(
    Message-ID Date In-Reply-To References List-Unsubscribe List-Unsubscribe-Post
    X-Priority Priority X-MSMail-Priority Importance X-Campaign
);
my %bodies = ('text/plain' => 'Text', 'text/html' => 'HTML');

sub decoded {
    my ($value) = @_;
    return scalar decode_mimewords($value, Charset => '_UNICODE_');
}

# unfolded returns the value of a field as it was sent, on one line.
sub unfolded {
    my ($head, $name) = @_;
    my $value = $head->get($name);
    return undef unless defined $value;
    $value =~ s/\r?\n(?=[ \t])//g;
    $value =~ s/\r?\n\z//;
    return $value;
}

# unquoted returns what a quoted string means.
sub unquoted {
    my ($value) = @_;
    $value =~ s/\\(.)/$1/g if $value =~ s/\A"(.*)"\z/$1/s;
    return $value;
}

sub people {
    my ($head, $name) = @_;
    my $value = unfolded($head, $name);
    return [] unless defined $value;
    return [
        map { { Name => decoded(unquoted($_->phrase // '')), Address => $_->address } }
        grep { defined $_->address && length $_->address } Mail::Address->parse($value)
    ];
}

sub body {
    my ($entity) = @_;
    my $charset = uc($entity->head->mime_attr('content-type.charset') // 'us-ascii');
    my $raw     = $entity->bodyhandle->as_string;
    return { text => Encode::decode($charset, $raw), charset => $charset, raw => encode_base64($raw, '') };
}

sub attachment {
    my ($entity) = @_;
    my $head = $entity->head;
    my $id   = $head->get('Content-ID') // '';
    $id =~ s/\A<|>\s*\z//g;
    my $filename = $head->mime_attr('content-disposition.filename') // '';
    my $name     = $head->mime_attr('content-type.name') // '';
    return {
        FileName => decoded($filename),    # mime_attr turns RFC 2231 into RFC 2047
        Name     => decoded($name),
        id       => $id,
        sha256   => sha256_hex($entity->bodyhandle->as_string),
    };
}

sub leaves {
    my ($entity) = @_;
    return $entity unless $entity->is_multipart;
    return map { leaves($_) } $entity->parts;
}

sub read_mail {
    my ($parser, $file) = @_;
    my $message = $parser->parse_open($file);
    my $head    = $message->head;
    my %out     = (file => basename($file), subject => decoded(unfolded($head, 'Subject') // ''), files => []);
    for my $name (@fields) {
        my $value = unfolded($head, $name);
        $out{fields}{$name} = decoded($value) if defined $value;
    }
    $out{$_} = people($head, $addresses{$_}) for keys %addresses;
    for my $part (leaves($message)) {
        my $kind  = $bodies{ $part->mime_type };
        my $named = $part->head->get('Content-Disposition') // $part->head->mime_attr('content-type.name');
        if ($kind && !defined $named && !$out{$kind}) {
            $out{$kind} = body($part);
        }
        else {
            push @{ $out{files} }, attachment($part);
        }
    }
    $out{defects} = [$parser->results->errors, $parser->results->warnings];
    return \%out;
}

my $parser = MIME::Parser->new;
$parser->output_to_core(1);
$parser->tmp_to_core(1);
$parser->extract_nested_messages(0);
my @mails = map { read_mail($parser, $_) } sort glob "$ARGV[0]/*.eml";
print JSON::PP->new->utf8->canonical->pretty->encode({ perl => \@mails });
