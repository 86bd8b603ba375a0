package message

import (
	"path"
	"strings"
)

// mediaTypes are the types by extension. The table is our own, so that a message
// is the same on every machine. Source: IANA's media type registry, and for the
// Office formats ECMA-376.
var mediaTypes = map[string]string{
	".txt":  "text/plain",
	".log":  "text/plain",
	".md":   "text/markdown",
	".csv":  "text/csv",
	".tsv":  "text/tab-separated-values",
	".html": "text/html",
	".htm":  "text/html",
	".css":  "text/css",
	".ics":  "text/calendar",
	".vcf":  "text/vcard",
	".xml":  "application/xml",
	".json": "application/json",
	".js":   "text/javascript",

	".png":  "image/png",
	".jpg":  "image/jpeg",
	".jpeg": "image/jpeg",
	".gif":  "image/gif",
	".webp": "image/webp",
	".avif": "image/avif",
	".heic": "image/heic",
	".svg":  "image/svg+xml",
	".bmp":  "image/bmp",
	".ico":  "image/vnd.microsoft.icon",
	".tif":  "image/tiff",
	".tiff": "image/tiff",

	".mp3":  "audio/mpeg",
	".m4a":  "audio/mp4",
	".wav":  "audio/vnd.wave",
	".ogg":  "audio/ogg",
	".mp4":  "video/mp4",
	".mov":  "video/quicktime",
	".webm": "video/webm",
	".mpg":  "video/mpeg",
	".mpeg": "video/mpeg",
	".avi":  "video/vnd.avi",
	".3gp":  "video/3gpp",
	".3g2":  "video/3gpp2",

	".pdf":  "application/pdf",
	".rtf":  "application/rtf",
	".ps":   "application/postscript",
	".eps":  "application/postscript",
	".epub": "application/epub+zip",
	".doc":  "application/msword",
	".xls":  "application/vnd.ms-excel",
	".ppt":  "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
	".xltx": "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
	".potx": "application/vnd.openxmlformats-officedocument.presentationml.template",
	".odt":  "application/vnd.oasis.opendocument.text",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odp":  "application/vnd.oasis.opendocument.presentation",

	".zip":  "application/zip",
	".gz":   "application/gzip",
	".tgz":  "application/gzip",
	".7z":   "application/x-7z-compressed",
	".tar":  "application/x-tar",
	".pem":  "application/x-pem-file",
	".p12":  "application/pkcs12",
	".pfx":  "application/pkcs12",
	".p7s":  "application/pkcs7-signature",
	".p7m":  "application/pkcs7-mime",
	".eml":  "message/rfc822",
	".wasm": "application/wasm",
}

const octetStream = "application/octet-stream"

// mediaType returns the type for a file name.
func mediaType(name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return octetStream
}
