"""Makes hashes.json: hashes of known passwords by other programs. Reads those of make.js from its input."""
import base64, json, hashlib, sys
from passlib import hash as h
import bcrypt as pybcrypt
import argon2
from argon2.low_level import hash_secret, Type
import django
from django.conf import settings
settings.configure(PASSWORD_HASHERS=[
 'django.contrib.auth.hashers.PBKDF2PasswordHasher','django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher',
 'django.contrib.auth.hashers.Argon2PasswordHasher','django.contrib.auth.hashers.BCryptSHA256PasswordHasher',
 'django.contrib.auth.hashers.BCryptPasswordHasher','django.contrib.auth.hashers.ScryptPasswordHasher',
 'django.contrib.auth.hashers.MD5PasswordHasher'])
django.setup()
from django.contrib.auth import hashers
out=[]
def add(made, form, password, text): out.append({"made_by":made,"form":form,"password":password,"hash":text})
P="correct horse battery"; U="пароль 🦀 café"; L="a"*71+"\u00e9"+"tail beyond"  # 2-byte char across byte 72
for name,t in (("id",Type.ID),("i",Type.I),("d",Type.D)):
    for v in (19,16):
        add("argon2-cffi",f"argon2{name} v{v}",P,hash_secret(P.encode(),b"somesaltsomesalt",2,512,2,32,t,version=v).decode())
add("argon2-cffi","argon2id, 24-byte salt, 64-byte hash",U,hash_secret(U.encode(),b"s"*24,1,64,1,64,Type.ID).decode())
pb="passlib 1.7.4"
for ident in ("2a","2b","2y"):
    add(pb,f"bcrypt ${ident}$",P,h.bcrypt.using(rounds=5,ident=ident).hash(P))
add("bcrypt 4.0.1","bcrypt, Unicode",U,pybcrypt.hashpw(U.encode(),pybcrypt.gensalt(5)).decode())
add("bcrypt 4.0.1","bcrypt, cut at 72 bytes",L,pybcrypt.hashpw(L.encode(),pybcrypt.gensalt(5)).decode())
add("bcrypt 4.0.1","bcrypt, exactly 72 bytes","b"*72,pybcrypt.hashpw(b"b"*72,pybcrypt.gensalt(5)).decode())
add(pb,"bcrypt-sha256 v2",L,h.bcrypt_sha256.using(rounds=5).hash(L))
add(pb,"pbkdf2-sha1",P,h.pbkdf2_sha1.using(rounds=500).hash(P))
add(pb,"pbkdf2-sha256",P,h.pbkdf2_sha256.using(rounds=29000).hash(P))
add(pb,"pbkdf2-sha256, Unicode",U,h.pbkdf2_sha256.using(rounds=500).hash(U))
add(pb,"pbkdf2-sha512",P,h.pbkdf2_sha512.using(rounds=500).hash(P))
def b64(b): return base64.b64encode(b).decode().rstrip("=")
salt=bytes(range(200,216))
add("hashlib","PHC pbkdf2-sha256",P,"$pbkdf2-sha256$i=600,l=32$%s$%s"%(b64(salt),b64(hashlib.pbkdf2_hmac("sha256",P.encode(),salt,600,32))))
add("hashlib","PHC pbkdf2-sha512",P,"$pbkdf2-sha512$i=600,l=64$%s$%s"%(b64(salt),b64(hashlib.pbkdf2_hmac("sha512",P.encode(),salt,600,64))))
add(pb,"scrypt PHC",P,h.scrypt.using(rounds=6,block_size=8,parallelism=1).hash(P))
add(pb,"scrypt PHC, p=2",U,h.scrypt.using(rounds=5,block_size=4,parallelism=2).hash(U))
add(pb,"md5-crypt",P,h.md5_crypt.hash(P))
add(pb,"md5-crypt, Unicode",U,h.md5_crypt.hash(U))
add(pb,"sha256-crypt",P,h.sha256_crypt.using(rounds=1000).hash(P))
add(pb,"sha256-crypt, 5000 rounds left out",P,h.sha256_crypt.using(rounds=5000).hash(P))
add(pb,"sha512-crypt",U,h.sha512_crypt.using(rounds=1500).hash(U))
add(pb,"sha512-crypt, 5000 rounds left out",P,h.sha512_crypt.using(rounds=5000).hash(P))
add(pb,"LDAP {CRYPT}",P,h.ldap_sha512_crypt.using(rounds=1000).hash(P))
add(pb,"LDAP {SSHA}",P,h.ldap_salted_sha1.hash(P))
add(pb,"LDAP {SSHA256}",P,h.ldap_salted_sha256.hash(P))
add(pb,"LDAP {SSHA512}",U,h.ldap_salted_sha512.hash(U))
dj="Django "+django.__version__
for alg,name in (("pbkdf2_sha256",None),("pbkdf2_sha1",None)):
    H=hashers.get_hasher(alg); H.iterations=1000
    add(dj,alg,P,H.encode(P,"seasalt",1000))
H=hashers.get_hasher("argon2"); H.time_cost=1; H.memory_cost=64; H.parallelism=1
add(dj,"argon2",P,H.encode(P,"seasaltseasalt"))
H=hashers.get_hasher("bcrypt_sha256"); H.rounds=5
add(dj,"bcrypt_sha256",L,H.encode(L,H.salt()))
H=hashers.get_hasher("bcrypt"); H.rounds=5
add(dj,"bcrypt",P,H.encode(P,H.salt()))
H=hashers.get_hasher("scrypt"); H.work_factor=64
add(dj,"scrypt",P,H.encode(P,"seasalt",64,8,1))
add(dj,"md5",P,hashers.get_hasher("md5").encode(P,"seasalt"))
add("hashlib, as Django 5.0 and before made it","sha1",P,"sha1$seasalt$"+hashlib.sha1(("seasalt"+P).encode()).hexdigest())
kc=lambda alg,hname,n,ln: json.dumps({"algorithm":alg,"hashIterations":n,"salt":base64.b64encode(salt).decode(),"value":base64.b64encode(hashlib.pbkdf2_hmac(hname,P.encode(),salt,n,ln)).decode()})
add("hashlib, as Keycloak derives","Keycloak pbkdf2-sha256",P,kc("pbkdf2-sha256","sha256",27500,64))
add("hashlib, as Keycloak derives","Keycloak pbkdf2-sha512",P,kc("pbkdf2-sha512","sha512",2100,64))
add("hashlib, as Keycloak derives","Keycloak pbkdf2",P,kc("pbkdf2","sha1",2000,64))
from argon2.low_level import hash_secret_raw
raw=hash_secret_raw(P.encode(),salt,2,512,1,32,Type.ID)
add("argon2-cffi, as Keycloak derives","Keycloak argon2",P,json.dumps({"algorithm":"argon2","hashIterations":2,"salt":base64.b64encode(salt).decode(),"value":base64.b64encode(raw).decode(),"additionalParameters":{"hashLength":["32"],"memory":["512"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}))
add("firebase/scrypt, README","Firebase","user1password","$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==")
node=json.loads(sys.stdin.read()); out+=node
print(json.dumps(out,ensure_ascii=False,indent=1))
