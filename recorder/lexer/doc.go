// Package lexer reads the tokens of JSON (RFC 8259) in the versions of objects
// that a recorder sees: texts of some kilobytes, of which nearly everything was
// there in the version before. It is below everything that looks into such a text.
//
// Three ways to read are here. [Lexer] is strict: it takes what is JSON and nothing
// else, token by token; what tokens may follow each other is up to its user, and so
// is that no key is there twice. [End], [Splitter] and [Tree.Members] look at
// brackets and quotes only, which is much faster and says nothing about what is
// between them: they are for texts that somebody else checks, and for finding where a
// text ends. [Compare] reads a text beside the one before it, and what is there again
// not at all: comparing bytes is twenty times as fast as reading them.
package lexer
