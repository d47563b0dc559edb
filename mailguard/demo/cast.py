"""Who plays in the stories."""

ANN, BOSS, LEE, PAT = "ann@corp.example", "boss@corp.example", "lee@corp.example", "pat@corp.example"
CEO, ASSISTANT = "ceo@corp.example", "assistant@corp.example"
KIM, WARD = "kim@client.example", "ward@client.example"
MO, QUINN, SAM = "mo@rival.example", "quinn@lawsuit.example", "sam@slow.example"
