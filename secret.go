package audit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rule that says whether a name is a secret's. It reads the words of the name,
// the kind of the value, and where the name says nothing ("value", "key") also the
// name of the table or of the JSON object around it. Its lists stand at the
// end of this file. In order:
//
//  1. Booleans and times are never secrets. Numbers are secrets only if the name ends
//     in one of digitWords.
//  2. Names that begin with a flag word, or count tokens, don't name a secret.
//  3. Neither do names whose last word is an about word, unless that word closes a
//     pair ("session_id").
//  4. Names with a secret word or a pair name a secret. So does a word that may stand
//     alone, apart from form words.

// Kind is what a value is, as far as the rule for secrets goes.
type Kind int

// The kinds.
const (
	KindText   Kind = iota // a text, bytes or a structured value, or not known
	KindNumber             // any number
	KindBool               // yes or no
	KindTime               // a date or time with a type of its own; a time in a text is KindText
)

// maxNameBytes is how much of a name is read, from its end: a key in JSON may have any
// length.
const maxNameBytes = 1 << 10

// nameWord is a word of a name in lower case and in the singular.
type nameWord struct {
	text   string
	role   wordRole
	plural bool
}

// IsSecret reports whether a name says that its value is a secret: password,
// token, secret, API key, recovery code, connection string and the like, in any
// spelling ("apiKey", "API_KEY", "api-key"). It is false for names that tell about a
// secret ("token_expires_at", "api_key_id", "max_tokens"). The value is taken for a
// text. docs/capture.md describes the rule and has its lists.
func IsSecret(name string) bool { return isSecret("", name, KindText) }

// isSecret is the rule, for a field of a table or of a JSON object.
func isSecret(object, name string, k Kind) bool {
	if k == KindBool || k == KindTime {
		return false
	}
	if len(name) > maxNameBytes {
		name = name[len(name)-maxNameBytes:]
	}
	var room [8]nameWord
	list := splitName(room[:0], name)
	if secretWordsIn(list, k) {
		return true
	}
	return object != "" && bare(list) && secretWordsIn(inObject(object, list), k)
}

// bare reports whether a name says nothing by itself: "value", "key_hash".
func bare(list []nameWord) bool {
	for _, w := range list {
		if w.role&(roleForm|roleBare) == 0 && !isNumber(w.text) {
			return len(list) == 1 && w.text == "id"
		}
	}
	return len(list) > 0
}

// inObject puts the object's words before a bare name. The ID is a secret only of a
// table that is called just "sessions": other tables of sessions have a key and a
// token.
func inObject(object string, list []nameWord) []nameWord {
	both := splitName(nil, object)
	if list[0].text == "id" && (len(both) != 1 || both[0].text != "session") {
		return list
	}
	if n := len(both); n > 0 && both[n-1].text == list[0].text {
		both = both[:n-1] // "api_keys.key"
	}
	return append(both, list...)
}

func secretWordsIn(list []nameWord, k Kind) bool {
	for len(list) > 1 && isNumber(list[len(list)-1].text) {
		list = list[:len(list)-1] // "password_2", "cc_last_4"
	}
	if len(list) == 0 || len(list) > 1 && list[0].role&roleFlag != 0 || countsTokens(list) {
		return false
	}
	last := len(list) - 1
	if list[last].role&roleAbout != 0 && !pairAt(list, last) {
		return false
	}
	if k == KindNumber {
		for last > 0 && list[last].role&(roleForm|roleDigits) == roleForm {
			last--
		}
		return list[last].role&roleDigits != 0 && (list[last].role&roleSecret != 0 || pairAt(list, last))
	}
	for i, w := range list {
		if w.role&roleSecret != 0 || pairAt(list, i) {
			return true
		}
	}
	return false
}

// pairAt reports whether the word at i is a secret's by the word before it, or by
// standing alone.
func pairAt(list []nameWord, i int) bool {
	w := list[i]
	if w.role&rolePaired == 0 {
		return false
	}
	if w.role&roleAlone != 0 && alone(list, i) {
		return true
	}
	if i == 0 {
		return false
	}
	if list[i-1].role&roleQualifier != 0 && nameWords.pairs[w.text][list[i-1].text] {
		return i < 2 || list[i-2].role&roleOpen == 0
	}
	return i > 1 && nameWords.pairs[w.text][list[i-2].text+list[i-1].text] // "one_time_code"
}

// alone reports whether the other words of a name are form words.
func alone(list []nameWord, i int) bool {
	for j, w := range list {
		if j != i && w.role&roleForm == 0 {
			return false
		}
	}
	return true
}

// countsTokens tells the units of a language model from credentials: "prompt_tokens".
func countsTokens(list []nameWord) bool {
	tokens, counted := false, false
	for _, w := range list {
		tokens = tokens || w.plural && w.text == "token"
		counted = counted || w.role&roleCounted != 0
	}
	return tokens && counted
}

func isNumber(w string) bool {
	for i := range len(w) {
		if !isDigit(w[i]) {
			return false
		}
	}
	return w != ""
}

// splitName appends the words of a name: "GitHubClientSecrets", "git-hub-client-secret",
// "APIKey2".
func splitName(list []nameWord, name string) []nameWord {
	start := -1
	for i := 0; i <= len(name); {
		r, size := utf8.RuneError, 1
		if i < len(name) {
			r, size = rune(name[i]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(name[i:])
			}
		}
		inWord := i < len(name) && isNameRune(r)
		if start >= 0 && (!inWord || boundary(name, start, i, r)) {
			list = appendWord(list, name[start:i])
			start = -1
		}
		if inWord && start < 0 {
			start = i
		}
		i += size
	}
	return list
}

func isNameRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// boundary reports whether a new word begins with the letter at i: "apiKey", "APIKey".
func boundary(name string, start, i int, r rune) bool {
	if r < 'A' || r > 'Z' || i == start {
		return false
	}
	before := name[i-1]
	if before < 'A' || before > 'Z' {
		return true
	}
	// The last capital of several begins a word if small letters follow, which aren't
	// just a plural's: "APIKeys", but "IDs".
	next := i + 1
	for next < len(name) && 'a' <= name[next] && name[next] <= 'z' {
		next++
	}
	return next > i+2 || next == i+2 && name[i+1] != 's'
}

// maxGlued is how long a word may be that is parted.
const maxGlued = 40

// appendWord appends a word, parted where several are written in one.
func appendWord(list []nameWord, text string) []nameWord {
	text = strings.ToLower(text)
	w := newWord(text)
	if w.role&^roleGlued != 0 || len(text) > maxGlued {
		return append(list, w)
	}
	if word := strings.TrimRight(text, "0123456789"); word != text && word != "" {
		return append(appendWord(list, word), newWord(text[len(word):])) // "password2"
	}
	if at := partWord(text); at > 0 {
		return appendWord(append(list, newWord(text[:at])), text[at:])
	}
	return append(list, w)
}

func newWord(text string) nameWord {
	if role := nameWords.roles[text]; role != 0 {
		return nameWord{text: text, role: role}
	}
	one := singular(text)
	return nameWord{text: one, role: nameWords.roles[one], plural: one != text}
}

// singular is words.SingularLabel for words of secrets, which are regular; it also knows the short
// ones, such as "ids".
func singular(w string) string {
	switch n := len(w); {
	case n < 3 || w[n-1] != 's' || w[n-2] == 's':
		return w
	case strings.HasSuffix(w, "ies"):
		return w[:n-3] + "y"
	case strings.HasSuffix(w, "hes") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "sses"):
		return w[:n-2]
	default:
		return w[:n-1]
	}
}

// partWord returns where the second of two words begins that are written in one; 0
// if it is one word.
func partWord(text string) int {
	for i := len(text) - 2; i >= 2; i-- {
		tail := newWord(text[i:])
		if tail.role == 0 {
			continue
		}
		if nameWords.roles[text[:i]] != 0 || tail.role&roleGlued != 0 {
			return i
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// The lists of the rule in secret.go. docs/capture.md publishes them, section
// "Secrets"; a test keeps both equal. Words are in the singular and in lower case.

// secretWords name a secret wherever they stand in a name: "smtp_password_old".
const secretWords = `
password passwd passphrase passcode pwd passwort htpasswd userpass
secret token credential cred jwt totp hotp otpauth cvv cvc cvn ssn
mnemonic keystore keytab keypair kubeconfig pkcs8 pkcs12 p12 pfx dsn psk passkey rands
`

// secretPairs are words that name a secret only behind one of the words listed
// with them ("api_key", but not "sort_key"), and with "." as the whole name, apart
// from form words ("pin", "pin_hash", but not "map_pin").
var secretPairs = map[string]string{
	"key": `access account activation aes api app application auth authentication authorization backup cert client consumer
		decryption delete encrypt encryption hmac invite license licence loggedin login master nonce pgp priv private recovery reset root rsa salt secure
		server session shared sign signature signing ssh ssl stream subscription symmetric tls unlock vault webhook wrapped wrapping`,
	"code": `2fa access activation auth authentication authorization backup challenge confirmation device email factor
		login magic mfa onetime otp pass pin recovery reset scratch security sms unlock verification verify`,
	"pin":           `. access admin atm backup card confirm debit device door encrypted hashed login new old parental payment security sim transaction unlock user`,
	"otp":           `. user login email sms phone mfa auth backup current last new smtp device code secret`,
	"pass":          `. account admin app auth bind db database ftp http imap ldap login mail mysql pg pop3 postgres proxy redis root sftp smtp ssh user wifi`,
	"pw":            `. account admin bind db database login root smtp user`,
	"salt":          `. auth hash key loggedin login nonce scratch user`,
	"cookie":        `. auth csrf header jar login remember session set sso`,
	"authorization": `. proxy http header`,
	"bearer":        `. auth http`,
	"auth":          `basic bearer http key proxy`,
	"header":        `auth authorization cookie`,
	"hash":          `scratch`,
	"id":            `session`,
	"sid":           `session`,
	"sess":          `session`,
	"data":          `session`,
	"payload":       `session`,
	"string":        `connection conn connect`,
	"url":           `amqp broker connection database db jdbc magic mongo mongodb mysql postgres postgresql presigned redis signed`,
	"uri":           `amqp broker connection database db jdbc mongo mongodb mysql postgres postgresql redis`,
	"number":        `card cc`,
	"num":           `card cc`,
	"no":            `card cc`,
	"cid":           `cc card`,
	"pem":           `. client key private server`,
	"pan":           `. card payment primary`,
	"phrase":        `backup mnemonic pass recovery seed`,
	"word":          `mnemonic pass recovery seed`,
	"seed":          `hd mfa otp wallet`,
	"link":          `login magic reset`,
	"answer":        `security recovery`,
	"verifier":      `code pkce`,
	"ticket":        `auth kerberos login`,
	"json":          `account secure`,
}

// formWords say in which form a value is held; they change nothing: "password_hash",
// "encrypted_pin", "token_value".
const formWords = `
hash hashed digest bcrypt argon2 md5 sha1 sha256 sha512 encrypted encryption enc cipher ciphertext encoded base64 b64 hex
raw plain plaintext clear cleartext value val text string content data body blob payload bytes json json5 xml iv
old new current previous prev next confirm confirmation repeat again
`

// aboutWords say, as the last word of a name, that the value tells about a secret
// without being it: when, how many, whose, what kind, where it is kept.
const aboutWords = `
id uid uuid guid pk
at on by date time timestamp until since expiry expiration expire expired expiring ttl age lifetime lifespan span duration validity
year month day hour minute second sec ms interval period delay window timeout

count counter total sum size length len digit limit quota max min usage used remaining left budget rate ratio percent
cost price amount index position order sequence seq attempt failure try retry bit score strength complexity entropy iteration round

name label title description desc comment note hint question prompt reminder notice help placeholder message subject
type kind category class format pattern regex template version rev algorithm algo alg method scheme mode strategy policy
rule requirement icon color image locale symbol decimal supply unit currency

status state enabled disabled required allowed active valid invalid verified confirmed changed update updated change created deleted
revoked rotated issued sent seen accessed generated set unset needed present exist available supported visible hidden
locked protected exempt pending failed flag
last last4 four eight first4 prefix suffix fingerprint thumbprint masked brand expmonth expyear owner holder user username email
scope permission role grant audience issuer provider vendor source origin consent banner

url uri endpoint host hostname domain port path file filename filepath dir directory field column attribute param parameter
property ref reference arn alias address env var variable handler helper validator generator parser
`

// flagWords say, as the first word of a name, that the value is a yes or no, or a
// number: "has_password", "max_password_length".
const flagWords = `
is has had use require required requires must need needs allow allowed allows can should enable enables enabled
disable disables disabled reject rejects hide hides show shows skip skips force forces
max maximum min minimum num total avg average sum count
`

// countedWords make "tokens" units of text, beside it: "prompt_tokens", "tokens_per_minute".
const countedWords = `
prompt completion input output cached reasoning context budget total max min usage used per limit
`

// openWords name something that is public, before a word of secretPairs:
// "ssh_public_key".
const openWords = `public pub publishable`

// digitWords name secrets that are written in digits: under them a number is masked too.
const digitWords = `pin otp totp hotp cvv cvc cvn ssn pan passcode password passwd pwd number num no cid code`

// bareWords are columns that say nothing by themselves. They take their table's
// name along: "value" of "tokens" is read as "token_value".
const bareWords = `key code pin sid sess secret number url uri`

// gluedWords are written in one with the word before them ("dbpassword",
// "authtoken"); other words are only parted if all of the parts are in the lists.
const gluedWords = `password passwd passphrase secret token apikey privatekey secretkey accesskey pwd`

// wordRole is what the lists say of a word.
type wordRole uint16

const (
	roleSecret wordRole = 1 << iota
	rolePaired
	roleForm
	roleAbout
	roleFlag
	roleCounted
	roleOpen
	roleDigits
	roleBare
	roleQualifier
	roleAlone
	roleGlued
)

// lexicon is the lists, ready to be looked up.
type lexicon struct {
	roles map[string]wordRole
	pairs map[string]map[string]bool // qualifiers by the word that they stand before
}

var nameWords = newLexicon()

func newLexicon() *lexicon {
	l := &lexicon{roles: map[string]wordRole{}, pairs: map[string]map[string]bool{}}
	for role, list := range map[wordRole]string{
		roleSecret: secretWords, roleForm: formWords, roleAbout: aboutWords, roleFlag: flagWords, roleCounted: countedWords,
		roleOpen: openWords, roleDigits: digitWords, roleBare: bareWords, roleGlued: gluedWords,
	} {
		for _, w := range strings.Fields(list) {
			l.roles[w] |= role
		}
	}
	for w, list := range secretPairs {
		l.roles[w] |= rolePaired
		l.pairs[w] = map[string]bool{}
		for _, q := range strings.Fields(list) {
			if q == "." {
				l.roles[w] |= roleAlone
				continue
			}
			l.pairs[w][q] = true
			l.roles[q] |= roleQualifier
		}
	}
	return l
}
