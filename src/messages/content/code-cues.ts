/**
 * The words by which mail speaks of one-time codes, and those by which it speaks of other numbers, in the languages that
 * such mail comes in. A text has its whitespace collapsed to single characters when it is looked at.
 */

export type CueKind = 'strong' | 'weak' | 'other'

/** Words in a text: from `start` up to `end`. */
export type Cue = { kind: CueKind; start: number; end: number }

const e = '[- \\n]?' // within a compound

/** They name a one-time code and hardly anything else. */
const strong = [
  // English
  `(?:verification|verify|security|authentication|authenticator|authorization|authorisation|auth|log${e}in|sign${e}in|sign${e}on|sign${e}up|signing|access|activation|confirmation|registration|one${e}time|single${e}use|temporary|temp|two${e}factor|two${e}step|2fa|mfa|otp|recovery|reset|identity|unlock|approval|validation|device|account|magic|passwordless|6${e}digit|six${e}digit|4${e}digit|four${e}digit|8${e}digit)${e}(?:pass)?(?:codes?|pin|password|passphrase)`,
  `one${e}time (?:pass|login|sign)|\\botp\\b|\\bpasscode|verification (?:number|pin|key)|\\bis your [^\\n]{1,40}?\\bcode\\b|\\bcode (?:to|for) (?:verify|confirm|sign|log|continue|reset|finish|complete|access|activate)`,
  `(?:enter|use|type|paste|input)(?: in)? (?:the |this |your )?(?:following )?(?:\\d${e}digit )?(?:code|pin)`,
  // German
  `(?:bestätigungs|bestaetigungs|verifizierungs|verifikations|sicherheits|einmal|anmelde|anmeldungs|login|zugangs|zugriffs|aktivierungs|freischalt|freigabe|authentifizierungs|prüf|registrierungs)${e}(?:code|pin|kennwort|passwort|schlüssel|nummer)|\\b(?:m|sms|e-?mail|push|photo)?${e}tan (?:lautet|ist|für)`,
  // French
  "code (?:de |d['’])(?:vérification|verification|sécurité|securite|confirmation|validation|connexion|accès|activation|authentification|identification)|code (?:à|a) usage unique|code (?:temporaire|unique|secret)|mot de passe (?:à usage unique|temporaire|unique)",
  // Spanish and Portuguese
  'c[oó]digo (?:de|del|para) (?:tu |su |seu |la |el |o |a )?(?:verifica|seguridad|seguran|confirma|acceso|acesso|activaci|ativa|autentica|autoriza|inicio|un solo uso|uso único|valida|login|registro|identifica)|(?:clave|contraseña|senha) (?:din[aá]mica|temporal|tempor[aá]ria|de un solo uso|de uso único|[uú]nica)',
  // Italian
  "codice (?:di |d['’]|per (?:la |l['’])?)(?:verifica|sicurezza|conferma|accesso|attivazione|autenticazione|autorizzazione|accedere)|codice (?:otp|monouso|temporaneo|usa e getta)|password (?:monouso|temporanea)",
  // Dutch
  `(?:verificatie|bevestigings|beveiligings|inlog|toegangs|activerings|activatie|controle|aanmeld|registratie)${e}code|eenmalige? (?:\\p{L}+ )?(?:code|pin|pincode|wachtwoord|inlogcode)`,
  // Polish, Czech
  'kod\\p{L}{0,3} (?:weryfikac|potwierdz|bezpieczeństwa|dostępu|aktywac|jednoraz|autoryzac|logowania|uwierzyteln|sms)|jednorazow\\p{L}+ (?:kod|hasł)|(?:ověřovací|potvrzovací|jednorázový|bezpečnostní) kód',
  // Russian, Ukrainian
  'код\\p{L}{0,3} (?:подтвержд|доступа|авториз|активац|безопасн|верифик|входа|проверк|для|підтвер|доступу|перевірк)|(?:одноразов|проверочн|одноразов|перевірочн)\\p{L}+ (?:код|парол)',
  // Turkish, Nordic, Romanian, Hungarian, Greek
  '(?:doğrulama|onay|güvenlik|aktivasyon|giriş) (?:kodu|şifre)|tek kullanımlık|(?:verifierings|bekräftelse|engångs|säkerhets|inloggnings|bekreftelses|engangs|sikkerhets|sikkerheds|bekræftelses|verifiserings|verificerings)(?:kod|lösen|passord|adgangs)|vahvistuskoodi|turvakoodi|kertakäyttö|cod(?:ul)? (?:de|dvs\\. de) (?:verificare|confirmare|securitate|acces)|(?:ellenőrző|megerősítő|biztonsági|egyszer használatos) kód|κωδικ\\p{L}+ (?:επαλήθευσης|επιβεβαίωσης|ασφαλείας|μίας χρήσης)',
  // Indonesian, Vietnamese, Thai, Arabic, Hebrew, Hindi
  'kode (?:verifikasi|keamanan|konfirmasi|otp|akses|masuk)|mã (?:xác minh|xác thực|xác nhận|otp|bảo mật)|รหัส(?:ยืนยัน|ผ่านครั้งเดียว| ?otp)|رمز (?:التحقق|التأكيد|الأمان|الدخول)|קוד (?:אימות|האימות|הכניסה|גישה)|सत्यापन कोड|ओटीपी',
  // Japanese, Chinese, Korean
  '認証コード|確認コード|検証コード|認証番号|確認番号|ワンタイム(?:パスワード|コード)|セキュリティ ?コード|ログイン ?コード|暗証番号|パスコード|認証キー|验证码|驗證碼|校验码|校驗碼|动态码|動態碼|确认码|確認碼|安全码|安全碼|动态密码|動態密碼|一次性(?:密码|密碼|代码|代碼|验证)|登录码|登入碼|验证代码|驗證代碼|激活码|인증 ?번호|인증 ?코드|확인 ?코드|보안 ?코드|일회용 ?(?:비밀번호|코드|암호)|인증 ?키|로그인 ?코드|확인 ?번호',
]

/** They name a code of some kind. */
const weak = [
  `\\benter(?= \\d{4,8}\\b)|\\bcodes?\\b|\\bpins?\\b|\\bpin${e}(?:code|number|nummer)\\b|\\btoken\\b|\\bpassword\\b|\\bpasswort\\b|\\bkennwort\\b|\\btan\\b|\\bc[oó]digos?\\b|\\bsenha\\b|\\bclave\\b|\\bcodice\\b|\\bkod(?:u|em|ie)?\\b|\\bkode[nr]?\\b|\\bkoden\\b|\\bkoodi\\b|\\bkód\\b|\\bkodunuz\\b|\\bwachtwoord\\b|\\bmot de passe\\b|\\bhasło\\b|код|пароль|コード|パスワード|代码|代碼|密码|密碼|코드|비밀번호|รหัส|رمز|קוד|κωδικ`,
]

/** They name another number, or a code that is no secret. */
const other = [
  `(?:promo(?:tion(?:al)?)?|discount|coupon|voucher|gift(?: card)?|referral|invite|invitation|offer|rabatt|gutschein|aktions|promotions|réduction|promotionnel|descuento|desconto|sconto|kortings?|rabatow\\p{L}*|zip|postal|post|area|country|dialing|error|status|exit|response|qr|bar|source|dress|tax|product|item|sort|swift|bank|booking|reservation|rate|tracking|color|colour|hex|course|class|building|gate|door)${e}codes?\\b`,
  'code (?:promo|postal|review|of conduct|base|barre|de réduction|promotionnel)|codebase|c[oó]digo (?:postal|promocional|de descuento|de desconto|de barras|de (?:la )?reserva)|codice (?:sconto|postale|fiscale|promozionale|prenotazione)|kod (?:rabatowy|pocztowy|promocyjny)|クーポン(?:コード)?|割引コード|优惠码|優惠碼|优惠券|邮编|쿠폰(?: ?코드)?|할인 ?코드|промокод|почтовый индекс|status code|http',
  '\\b(?:orders?|invoice|receipt|tracking|shipment|parcel|package|tickets?|case|reference|ref|issue|pull request|commit|build|version|release|serial|licen[cs]e|sku|isbn|policy|booking|reservation|itinerary|flight|confirmation (?:number|no)|customer (?:number|no|id)|member(?:ship)? (?:number|no|id)|account (?:number|no|ending)|(?:account|customer|kunde|konto|badge|sheet|alert|host|plan|cost cent(?:er|re))(?= \\d)|card|ending in|ends in|iban|amount|total|balance|price|meeting id|webinar|conference|dial|phone|tel|telephone|mobile|fax|call|whatsapp|suite|street|avenue|copyright|since|room|floor|page|model|transaction|payment|claim|docket|loan|contract|patent|id)\\b(?! password)',
  '(?:bestell|rechnungs|auftrags|kunden|sendungs|vorgangs|ticket|artikel|buchungs|telefon|konto|vertrags|mitglieds|referenz|steuer|handels)(?:ung|ungs|nummer|nr)?\\b|\\b(?:plz|hrb|ust|buchung|betrag|summe|telefon|hotline|reservierung|fall)\\b',
  '\\b(?:commande|facture|colis|suivi|téléphone|montant|dossier|siret|siren|rcs|réservation|pedido|factura|fatura|envío|seguimiento|teléfono|telefone|importe|encomenda|nota fiscal|cnpj|cpf|ordine|fattura|spedizione|telefono|importo|prenotazione|p\\. ?iva|bestelling|factuur|pakket|telefoon|bedrag|boeking|kvk|btw|zamówieni\\p{L}*|faktur\\p{L}*|przesyłk\\p{L}*|telefon\\p{L}*|kwot\\p{L}*|rezerwacj\\p{L}*|nip|regon)\\b',
  'заказ|сч[её]т|отправлени|телефон|сумм[аы]|бронирован|инн|注文|ご注文|請求書|追跡|伝票|お問い合わせ番号|予約|電話|金額|合計|〒|订单|訂單|单号|單號|发票|發票|电话|電話|金额|快递|包裹|客服|주문|송장|운송장|전화|금액|예약|고객센터|사업자',
]

const cuePattern = new RegExp(`(${strong.join('|')})|(${other.join('|')})|(${weak.join('|')})`, 'giu')

/** In their order; a compound is one cue. */
export function findCues(text: string): Cue[] {
  return Array.from(text.matchAll(cuePattern), (found) => ({
    kind: found[1] !== undefined ? 'strong' : found[2] !== undefined ? 'other' : 'weak',
    start: found.index,
    end: found.index + found[0].length,
  }))
}

/** What mail with a one-time code says besides: without it, and without a strong cue, a number is just one. */
const purpose =
  /\b(?:sign(?:ing)?[ -]?(?:in|up|on)|log(?:ging)?[ -]?(?:in|on)|verify|verif|confirm|expires?|expir|valid for|minutes?|authenticat|enter|never share|do not share|don['’]t share|anmeld|einlog|gültig|minuten|bestätig|eingeben|connexion|connecter|valable|saisi|vérifi|iniciar sesi|entrar|válid|minutos|ingres|introdu|acced|accesso|valido|minuti|inserisc|inloggen|aanmelden|geldig|minuten|invoer|zalog|ważny|minut|wpisz|войти|вход|действ|минут|введите|giriş|dakika|gäller|logga in|gyldig)|ログイン|有効|分間|入力|登录|登入|有效|分钟|分鐘|输入|請輸入|로그인|유효|입력|분 /iu

export function saysPurpose(text: string): boolean {
  return purpose.test(text)
}
