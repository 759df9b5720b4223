package audit

import "strings"

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
