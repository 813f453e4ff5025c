"""What else people call a setting: words that stand in no form, and find its place in the index all the same.

Only other names belong here. What a form says in its labels is found by itself, in both languages (see
administration.py), and these words are never shown, so they have no translation.
"""

SYNONYMS: dict[str, str] = {
    "/admin/queues": (
        "窓口 部門 部署 振り分け 振分 受信箱 グループ チーム ガイダンス アナウンス 音声案内 待ち呼 溢れ呼 着信 "
        "呼び出し 呼出 保留 保留音 留守電 留守番電話 折り返し 転送先 添付忘れ 宛先間違い NGワード 禁止語 通話後 "
        "自動返信 自動応答 受付メール 承認 誤送信 フッター 署名欄 department team group routing inbox footer "
        "auto reply autoresponder announcement voicemail hold ivr overflow approval hours hold forgotten "
        "attachment after-call work round robin voice mail wrong recipient"
    ),
    "/admin/agents": (
        "ユーザー メンバー スタッフ 担当者 担当 従業員 社員 アカウント 権限 管理者 招待 言語 スキル 退職 異動 "
        "入社 内線番号 ログイン users members staff people accounts permissions invite invitation admin skills "
        "csv import login"
    ),
    "/admin/calendars": (
        "休日 祝日 休業日 定休日 営業日 稼働時間 受付時間 年末年始 夏季休業 臨時休業 昼休み 夜間 深夜 土日 "
        "シフト holidays lunch weekend night opening hours working days schedule closed breaks new year"
    ),
    "/admin/promises": (
        "SLA SLO 期限 納期 目標時間 応答時間 初回返信 解決時間 サービスレベル エスカレーション 督促 遅延 due "
        "date deadline response time resolution escalation overdue breach"
    ),
    "/admin/appearance": (
        "ブランド テーマ 会社名 社名 色 カラー アイコン デザイン 外観 見た目 branding theme colour color icon "
        "company picture design brand"
    ),
    "/admin/audit": "操作履歴 変更履歴 ログ 監査ログ 元に戻す 取り消し 復元 log changes undo restore history revert",
    "/admin/mailboxes": (
        "受信 送信 メールサーバー メールアドレス アカウント Gmail Google Microsoft Outlook Office 365 OAuth POP "
        "inbox email account receive send smtp imap"
    ),
    "/admin/mail/domains": "なりすまし 迷惑メール 認証 到達率 DNS spam spoofing authentication deliverability",
    "/admin/mail": "届かない 受信履歴 迷惑メール 自動メール spam lost missing delivery bounce log",
    "/admin/parked": "エラー 失敗 再試行 取り込めない error failed retry",
    "/admin/exchanges": (
        "電話 PBX IVR CTI 交換機 ビジネスフォン IP電話 クラウドPBX 通話 連携 番号 発信者番号 発信番号 代表番号 "
        "caller id phone telephony pbx voip sip twilio 3cx asterisk freeswitch webhook"
    ),
    "/admin/blocked": "着信拒否 迷惑電話 ブラックリスト いたずら電話 spam calls blacklist block list deny reject",
    "/queues/alarms": "警告 通知 アラート しきい値 閾値 alert warning threshold notification",
    "/queues/walls": "大画面 モニター 電光掲示板 ディスプレイ dashboard tv screen display board",
    "/admin/canned": (
        "定型文 テンプレート ひな形 雛形 返信文 例文 スニペット 差し込み 変数 template templates snippet "
        "boilerplate saved replies variables"
    ),
    "/admin/macros": "一括操作 ショートカット 定型操作 自動化 shortcut automation bulk steps",
    "/admin/rules": (
        "自動化 自動割り当て 自動振り分け 自動返信 トリガー 条件 ワークフロー 通知 Webhook 連携 automation "
        "trigger workflow condition auto reply assign webhook"
    ),
    "/admin/checklists": "手順 手順書 マニュアル タスク 作業 ToDo procedure manual task todo",
    "/reviews/form": "品質 評価 採点 モニタリング 応対品質 quality scoring scorecard QA monitoring evaluation",
    "/admin/tags": "ラベル 分類 カテゴリ カテゴリー タグ統合 label category categories classification",
    "/admin/fields": (
        "項目 カスタム項目 入力項目 フォーム 必須 カスタムフィールド 製造番号 custom field form required property"
    ),
    "/admin/products": (
        "返品 返金 交換 返品理由 商品マスタ 型番 ロット SKU カタログ 不良品 catalogue catalog sku lot refund reasons"
    ),
    "/admin/orders": (
        "注文 購入 受注 購入履歴 CSV 取り込み インポート ECサイト 会員番号 order orders purchase import csv shop "
        "Shopify"
    ),
    "/queues/accuracy": "AI 自動分類 学習 機械学習 分類 精度 誤り classifier training machine learning threshold",
    "/admin/guesses": "AI 緊急度 感情 言語判定 類似 推定 自動判定 sentiment urgency detection prediction similar",
    "/admin/surveys": "アンケート 満足度 CSAT NPS 評価 お客様の声 タイトル title questionnaire satisfaction rating",
    "/admin/segments": (
        "セグメント 顧客グループ 抽出 絞り込み 配信リスト ターゲット 条件 group audience target filter cohort"
    ),
    "/reports/schedules": "定期レポート 自動送信 集計 CSV 週報 月報 export weekly monthly scheduled summary",
    "/admin/tokens": (
        "API APIキー トークン 連携 BI 外部 キーの用途 返品 倉庫 "
        "api key token integration access what the key is for returns warehouse"
    ),
    "/reports/topics": "話題 カテゴリ 要望 分析 theme subject analysis",
}
"""By the address of the place; words apart by spaces. Hiragana and katakana, width and capitals are the same."""
