#!/usr/bin/env ruby
# frozen_string_literal: true

# Reads the mails of a folder with Ruby's mail library and prints what it saw as
# JSON.
#
# Usage: read.rb FOLDER

require 'digest'
require 'json'
require 'mail'

ADDRESSES = { From: 'From', Sender: 'Sender', ReplyTo: 'Reply-To', To: 'To', Cc: 'Cc', Bcc: 'Bcc' }.freeze
FIELDS = %w[
  Message-ID Date In-Reply-To References List-Unsubscribe List-Unsubscribe-Post
  X-Priority Priority X-MSMail-Priority Importance X-Campaign
].freeze
BODIES = { 'text/plain' => :Text, 'text/html' => :HTML }.freeze

def people(message, name)
  field = message[name] or return []
  return [] unless field.field.respond_to?(:addrs) || field.field.respond_to?(:address)

  field.addrs.map { |a| { Name: a.display_name || '', Address: "#{a.local}@#{a.domain}" } }
end

def fields(message)
  FIELDS.filter_map { |name| [name, message[name].decoded] if message[name] }.to_h
end

def body(part)
  { text: part.decoded, charset: part.content_type_parameters['charset'].upcase,
    raw: [part.body.decoded].pack('m0') }
end

def attachment(part)
  disposition = part[:content_disposition]
  {
    FileName: disposition ? disposition.filename.to_s : '',
    Name: Mail::Encodings.decode_encode((part.content_type_parameters || {})['name'].to_s, :decode),
    id: part.content_id.to_s.delete_prefix('<').delete_suffix('>'),
    sha256: Digest::SHA256.hexdigest(part.body.decoded)
  }
end

def leaves(part)
  part.multipart? ? part.parts.flat_map { |p| leaves(p) } : [part]
end

def read(file)
  message = Mail.new(File.binread(file))
  out = { file: File.basename(file), subject: message.subject.to_s, fields: fields(message), files: [] }
  ADDRESSES.each { |key, name| out[key] = people(message, name) }
  leaves(message).each do |part|
    kind = BODIES[part.mime_type]
    named = part[:content_disposition] || (part.content_type_parameters || {})['name']
    if kind && !named && !out.key?(kind)
      out[kind] = body(part)
    else
      out[:files] << attachment(part)
    end
  end
  out[:defects] = message.errors.map { |e| e.map(&:to_s).join(': ') }
  out
end

puts JSON.pretty_generate('ruby' => Dir["#{ARGV[0]}/*.eml"].sort.map { |f| read(f) })
