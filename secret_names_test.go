package audit_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// The names are those of real schemas, by project: "column" or "table.column", and
// behind a colon the kind of the values: n for numbers, b for booleans, t for times.

var secretNames = map[string]string{
	"GitLab": `
		users.encrypted_password users.reset_password_token users.confirmation_token users.unlock_token users.incoming_email_token
		users.feed_token users.static_object_token users.otp_backup_codes users.encrypted_otp_secret users.encrypted_otp_secret_iv
		users.encrypted_otp_secret_salt namespaces.runners_token namespaces.runners_token_encrypted namespaces.saml_discovery_token
		application_settings.encrypted_ci_jwt_signing_key application_settings.runners_registration_token_encrypted
		personal_access_tokens.token_digest oauth_applications.secret oauth_access_grants.token ci_builds.token_encrypted
		remote_mirrors.encrypted_credentials web_hooks.encrypted_token import_data.encrypted_credentials_salt`,
	"Mastodon": `
		accounts.private_key web_push_subscriptions.key_auth users.sign_in_token users.otp_secret oauth_access_tokens.refresh_token
		session_activations.session_id doorkeeper_applications.secret webhooks.secret`,
	"Discourse": `
		users.password_hash users.salt email_tokens.token_hash user_auth_tokens.auth_token user_auth_tokens.prev_auth_token
		api_keys.key_hash user_api_keys.key_hash invites.invite_key user_security_keys.credential single_sign_on.secret`,
	"Mattermost": `
		Users.Password Users.MfaSecret Sessions.Token OAuthApps.ClientSecret OAuthAccessData.RefreshToken Commands.Token
		RemoteClusters.RemoteToken Audits.SessionId IncomingWebhooks.SigningSecret Tokens.Token`,
	"WordPress": `
		wp_users.user_pass wp_users.user_activation_key wp_posts.post_password auth_key secure_auth_key logged_in_key nonce_key
		auth_salt secure_auth_salt logged_in_salt nonce_salt DB_PASSWORD session_tokens`,
	"Keycloak": `
		credential.secret_data credential.credential_data credential.salt credential.value client.secret client.registration_token
		federated_identity.token offline_user_session.data user_entity.password keycloak.client_secret`,
	"Gitea and Forgejo": `
		user.passwd user.salt user.rands access_token.token_hash access_token.token_salt two_factor.secret two_factor.scratch_salt
		two_factor.scratch_hash oauth2_application.client_secret oauth2_authorization_code.code secret.data session.key session.data
		action_runner.token_hash webhook.secret login_source.bind_password`,
	"Grafana": `
		user.password user.salt user.rands api_key.key user_auth.o_auth_access_token user_auth.o_auth_refresh_token
		user_auth_token.auth_token user_auth_token.prev_auth_token data_source.password data_source.basic_auth_password
		data_source.secure_json_data dashboard_snapshot.delete_key plugin_setting.secure_json_data data_keys.encrypted_data_key_secret`,
	"Sentry": `
		sentry_apitoken.token sentry_apitoken.hashed_token sentry_apitoken.refresh_token sentry_projectkey.secret_key
		sentry_apiapplication.client_secret sentry_dsn sentry_organizationaccessrequest.token auth_user.password
		sentry_sentryappinstallationtoken.api_token lost_password_hash.hash`,
	"Nextcloud": `
		oc_users.password oc_authtoken.token oc_authtoken.password oc_authtoken.password_hash oc_authtoken.private_key
		oc_storages_credentials.credentials oc_share.password oc_share.token passwordsalt dbpassword mail_smtppassword
		oc_oauth2_clients.secret oc_webauthn.credential`,
	"Magento": `
		admin_user.password admin_user.rp_token customer_entity.password_hash customer_entity.rp_token oauth_consumer.key
		oauth_consumer.secret oauth_token.token oauth_token.secret quote_payment.cc_number_enc quote_payment.cc_cid_enc
		quote_payment.cybersource_token vault_payment_token.gateway_token payment.api_password`,
	"Django, Laravel, Rails, Express": `
		django_session.session_key django_session.session_data authtoken_token.key sessions.payload sessions.id sessions.session_id
		users.remember_token users.two_factor_secret users.two_factor_recovery_codes password_resets.token session.sess session.sid
		personal_access_tokens.token APP_KEY secret_key_base ar_internal.password_digest next_auth.session_token`,
	"billing and shops": `
		card_number cardNumber card_number:n credit_card_number cc_number cc_num cc_number_encrypted cvv cvv_encrypted cvv2 cvc:n
		security_code card_pin pan payment_pan stripe_secret_key stripe_token webhook_signing_secret signing_key
		payment_methods.card_cvc cards.number license_key licenses.key webhook_endpoints.secret`,
	"logins": `
		pwd_hash passwd pass pwd user_password passphrase passcode:n pin pin:n pin_hash otp:n otp_code totp_seed totp_secret mfa_secret
		mfa_recovery_codes recovery_codes recovery_codes.code_hash backup_code backup_codes scratch_codes verification_code:n
		one_time_code one_time_password magic_link security_answer reset_code activation_code sms_code 2fa_secret hotp_secret
		two_factor_backup_codes webauthn_credentials.credential passkey bearer bearer_token jwt id_token oauth_token_secret
		code_verifier device_code csrf_token xsrf-token ssn:n ssn salt password_salt session_id session_token session_cookie
		cookie set-cookie Authorization proxy-authorization auth_header X-Api-Key`,
	"keys and connections": `
		ssh_key ssh_private_key ssh_keys.key private_key_pem rsa_private_key pgp_private_key pem server_pem pkcs12 p12 pfx keystore
		keystore_password truststorePassword keytab kubeconfig hmac_key hmac_secret aes_key encryption_key master_key shared_key
		tlsClientKey ssl_key service_account_json service_account_key account_key storage_access_key aws_secret_access_key
		awsSecretAccessKey secretaccesskey openaiApiKey openaiapikey llm_configs.api_key api_keys.key api_keys.hash api_keys.keys
		api_key_encrypted connection_string ConnectionStrings dsn db_dsn database_url jdbc_url redis_url mongo_uri amqp_url
		databases.url smtp_pass smtpPassword smtp.password ldap_bind_password wifi_psk mnemonic seed_phrase wallet_seed
		wallets.mnemonic stream_key vapid_private_key GitHubClientSecret GitHubClientSecrets slack_bot_token tokens.value
		tokens.content credentials client_credentials vault_token unseal_secret kms_key_secret basic_auth presigned_url`,
}

var plainNames = map[string]string{
	"GitLab": `
		users.reset_password_sent_at:t users.otp_required_for_login:b users.consumed_timestep:n users.password_expires_at:t
		users.hide_no_password:b users.hide_no_ssh_key:b users.password_automatically_set:b users.last_credential_check_at:t
		users.otp_grace_period_started_at:t application_settings.max_personal_access_token_lifetime:n keys.key keys.title
		keys.fingerprint_sha256 application_settings.password_authentication_enabled_for_web:b
		application_settings.minimum_password_length:n application_settings.require_two_factor_authentication:b
		application_settings.gravatar_enabled ci_builds.token_expires_at personal_access_tokens.name personal_access_tokens.scopes
		personal_access_tokens.last_used_at feature_gates.key`,
	"Mastodon": `
		accounts.public_key users.skip_sign_in_token:b users.sign_in_token_sent_at:t users.webauthn_id webauthn_credentials.public_key
		webauthn_credentials.nickname webauthn_credentials.sign_count:n webauthn_credentials.external_id web_push_subscriptions.endpoint
		oauth_access_tokens.expires_in:n oauth_access_tokens.resource_owner_id oauth_access_tokens.scopes settings.var invites.code`,
	"Discourse": `
		api_keys.truncated_key:b email_tokens.confirmed:b email_tokens.token_id user_security_keys.public_key user_security_keys.factor_type
		users.password_algorithm tag_groups.name site_settings.name site_settings.data_type`,
	"Mattermost": `
		Users.LastPasswordUpdate:n Users.AuthService Users.MfaActive:b OAuthApps.CallbackUrls OAuthAuthData.CodeChallengeMethod
		Sessions.ExpiresAt Sessions.DeviceId Tokens.Type Systems.Name Commands.Trigger`,
	"WordPress": `wp_options.option_name wp_options.autoload wp_usermeta.meta_key wp_users.user_login wp_users.user_nicename wp_posts.post_name`,
	"Keycloak": `
		realm.password_policy realm.reset_password_allowed:b realm.access_token_life_span:n realm.otp_policy_digits:n realm.otp_policy_type
		realm.otp_policy_alg realm.revoke_refresh_token:b credential.type credential.user_label credential.priority:n
		client.client_authenticator_type client.client_id client.full_scope_allowed:b`,
	"Gitea and Forgejo": `
		user.passwd_hash_algo user.must_change_password:b access_token.token_last_eight access_token.name access_token.scope
		public_key.content public_key.fingerprint public_key.name deploy_key.name deploy_key.key_id gpg_key.key_id
		webauthn_credential.credential_id webauthn_credential.attestation_type oauth2_authorization_code.valid_until session.expiry`,
	"Grafana": `
		data_source.basic_auth:b data_source.basic_auth_user data_source.with_credentials:b data_source.json_data api_key.name
		api_key.role api_key.expires:n user_auth.auth_module user_auth_token.auth_token_seen:b user_auth_token.rotated_at:n
		user_auth.o_auth_expiry user_auth.o_auth_token_type dashboard.slug dashboard_snapshot.key`,
	"Sentry": `
		sentry_projectkey.public_key sentry_projectkey.label sentry_option.key sentry_apitoken.token_last_characters:n sentry_apitoken.name
		sentry_apikey.label auth_user.is_password_expired:b auth_user.last_password_change:t sentry_release.version`,
	"Nextcloud": `
		oc_authtoken.public_key oc_authtoken.last_check:n oc_authtoken.password_invalid:b oc_authtoken.type oc_authtoken.name
		oc_appconfig.configkey oc_appconfig.configvalue oc_preferences.configkey oc_share.password_expiration_time:t oc_share.file_target
		oc_share.token_count`,
	"Magento": `
		admin_user.rp_token_created_at:t admin_user.failures_num quote_payment.cc_last_4 quote_payment.cc_last4 quote_payment.cc_owner
		quote_payment.cc_exp_month quote_payment.cc_exp_year quote_payment.cc_type quote_payment.cc_cid_status core_config_data.path
		core_config_data.value oauth_token.type eav_attribute.attribute_code salesrule_coupon.code store.code`,
	"Django, Laravel, Rails, Express": `
		django_session.expire_date django_content_type.app_label auth_permission.codename sessions.user_id sessions.ip_address
		sessions.last_activity users.two_factor_confirmed_at:t users.password_changed_at users.failed_attempts:n migrations.batch
		active_storage_blobs.key active_storage_blobs.checksum good_jobs.concurrency_key ar_internal_metadata.key idempotency_key`,
	"billing and shops": `
		card_last4 card_brand card_exp_month:n card_type card_holder_name card_fingerprint customers.account_number iban bic vat_number
		orders.order_number orders.number phone_numbers.number invoices.number authorization_status authorization_amount
		coupon_code promo_code currency_code country_code zip_code postal_code sku_code product_key publishable_key
		stripe_publishable_key price_id payment_method_id passport_number tax_id season_pass boarding_pass pass_rate
		token_symbol token_address token_decimals token_price`,
	"language models": `
		llm_configs.max_tokens max_tokens max_tokens:n prompt_tokens prompt_tokens:n completion_tokens total_tokens total_tokens_used
		tokens_used tokens_prompt tokens_completion usage_prompt_tokens usage_completion_tokens usage_max_tokens usage_tokens
		limit_tokens tokens_per_minute input_tokens outputTokens cached_tokens token_count token_limit token_usage tokenizer
		tokenizer_name token_budget token_cost context_tokens api_keys.usage:n prompt_key system_prompt temperature
		chat_sessions.id chat_messages.session_id:n user_sessions.id`,
	"about secrets": `
		password_changed_at password_hint password_expires password_length min_password_length password_policy_id
		password_required:b reject_password:b has_password is_secret require_password password_strength:n password_reset_url
		api_key_id api_key_name api_key_prefix api_key_last4 apiKeyID apiKeyHint api_keys.name api_keys.prefix api_keys.user_id
		api_keys.last_used_at api_keys.scopes secret_name secret_arn secret_version secret_type token_type token_expires_at
		tokenExpiresAt token_issuer token_endpoint token_url tokens.user_id tokens.expires_at credential_id credential_type
		session_timeout session_count session_type sessions.expires_at otp_enabled:b otp_sent_at:t totp_enabled:b totp_verified_at
		pin_required:b mfa_enabled:b mfa_method recovery_codes_generated_at backup_codes_used:n backup_codes_remaining
		jwt_issuer jwt_audience jwt_algorithm cookie_consent cookie_policy cookie_domain secret_question salt_length
		dsn_name license_key_id ssh_key_fingerprint ssh_public_key public_ssh_key sshPubKey public_api_key`,
	"other words": `
		secretary secretary_email token_ring:n author authority authored_by keyboard keyword keynote primary_key foreign_key sort_key
		partition_key cache_key lookup_key key keys key_name monkey turkey passenger passport passage compass bypass bypass_reason
		encompassed trespass pinned pinned_at pin_color map_pin spin opinion pinterest_url salted_caramel salty sea_salt saline
		cookies_accepted:b cookbook description options notes tokyo codename code code_name hash content_hash commit_hash
		file_hash seed random_seed seedling phrase search_phrase string url website_url callback_url link deep_link answer
		survey_answer number id uuid data payload auth_provider auth_method basic_plan bearer_name dsnowflake panorama frying_pan
		company pancake signature email_signature header page_header crossword password_port:n`,
}

// fields calls do for each name of a list.
func fields(lists map[string]string, do func(project, object, name string, k audit.Kind)) (n int) {
	for project, list := range lists {
		for _, field := range strings.Fields(list) {
			field, kind, _ := strings.Cut(field, ":")
			object, name := "", field
			if i := strings.LastIndexByte(field, '.'); i >= 0 {
				object, name = field[:i], field[i+1:]
			}
			do(project, object, name, map[string]audit.Kind{"n": audit.KindNumber, "b": audit.KindBool, "t": audit.KindTime}[kind])
			n++
		}
	}
	return n
}

func TestNamesOfRealSchemas(t *testing.T) {
	r := &audit.Redaction{}
	masked := fields(secretNames, func(project, object, name string, k audit.Kind) {
		assert.True(t, r.IsSecret(object, name, k), "%s: %s.%s must be masked", project, object, name)
		assert.False(t, r.IsSecret(object, name, audit.KindBool), "%s: %s.%s as a boolean", project, object, name)
		assert.False(t, r.IsSecret(object, name, audit.KindTime), "%s: %s.%s as a time", project, object, name)
	})
	shown := fields(plainNames, func(project, object, name string, k audit.Kind) {
		assert.False(t, r.IsSecret(object, name, k), "%s: %s.%s must be shown", project, object, name)
	})
	assert.GreaterOrEqual(t, masked, 150)
	assert.GreaterOrEqual(t, shown, 150)
	t.Log(masked, shown)
}

// TestSpellingsOfOneName: a name means the same in every spelling.
func TestSpellingsOfOneName(t *testing.T) {
	for _, list := range [][]string{
		{"api_key", "apiKey", "APIKey", "ApiKey", "API_KEY", "api-key", "apikey", "api key", "api.key", "API_KEYS", "apiKeys", "APIKeys", "api_key_2", "apiKey2"},
		{"recovery_code", "recoveryCodes", "RECOVERY_CODES", "RecoveryCode", "recovery-codes"},
		{"client_secret", "clientSecret", "ClientSecret", "clientsecret", "CLIENT-SECRET", "client_secrets"},
		{"db_password", "dbPassword", "dbpassword", "DBPassword", "DB_PASSWORD", "db_passwords"},
		{"session_id", "sessionId", "SessionID", "sessionid", "session_ids", "SessionIDs"},
	} {
		for _, name := range list {
			assert.True(t, audit.IsSecret(name), name)
		}
	}
	for _, name := range []string{"max_tokens", "maxTokens", "MAX_TOKENS", "maxtokens", "MaxTokens", "max-tokens", "apiKeyID", "APIKeyIDs", "api_key_ids"} {
		assert.False(t, audit.IsSecret(name), name)
	}
}

// TestTheGuideHasTheLists: docs/capture.md publishes the lists of the rule as the code
// has them.
func TestTheGuideHasTheLists(t *testing.T) {
	guide, err := os.ReadFile("docs/capture.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(guide), "\n## Secrets\n")
	require.True(t, found, "docs/capture.md has no section Secrets")
	section, _, _ = strings.Cut(section, "\n## ")
	for title, want := range audit.SecretLists() {
		_, list, found := strings.Cut(section, "**"+title+"**")
		if !assert.True(t, found, "the guide has no list %q", title) {
			continue
		}
		_, list, _ = strings.Cut(list, "```text\n")
		list, _, _ = strings.Cut(list, "```")
		if got := strings.Join(strings.Fields(list), " "); got != want {
			t.Errorf("the guide's list %q should be\n%s", title, want)
		}
	}
}

func TestOwnNames(t *testing.T) {
	r := audit.Redaction{
		Secrets: []string{"salary", "Employees.birthDate", "token_count"},
		Except:  []string{"api_keys.key", "sessionId", "salaryOf", "jobs.salary"},
	}
	trail := newTrail(t, nil, &r)
	for _, of := range []*audit.Redaction{&r, trail.Redaction()} {
		for _, field := range []string{"people.salary", "people.Salaries", "employee.birth_date", "x.token_count", "x.password"} {
			object, name, _ := strings.Cut(field, ".")
			assert.True(t, of.IsSecret(object, name, audit.KindText), field)
		}
		assert.True(t, of.IsSecret("people", "salary", audit.KindNumber), "for values of every kind")
		for _, field := range []string{"people.birth_date", "ApiKeys.key", "chats.session_id", "jobs.salary", "x.name"} {
			object, name, _ := strings.Cut(field, ".")
			assert.False(t, of.IsSecret(object, name, audit.KindText), field)
		}
	}
	// The trail keeps what it was made with.
	r.Secrets[0] = "name"
	assert.False(t, trail.Redaction().IsSecret("people", "name", audit.KindText))
	var none *audit.Redaction
	assert.True(t, none.IsSecret("", "password", audit.KindText))
	own := audit.Redaction{Secret: func(name string) bool { return strings.HasPrefix(name, "x") }, Except: []string{"xy"}, Secrets: []string{"token"}}
	assert.Equal(t, []bool{true, false, false, true}, slices.Collect(func(yield func(bool) bool) {
		for _, name := range []string{"x1", "xy", "password", "token"} {
			if !yield(own.IsSecret("", name, audit.KindBool)) {
				return
			}
		}
	}))
}
